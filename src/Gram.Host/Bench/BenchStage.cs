using System.Text.Json.Serialization;

namespace Gram.Host.Bench;

/// <summary>A part of a floor: arithmetic or bytes that a stage cannot avoid.</summary>
/// <param name="Name">For example prefill.</param>
/// <param name="FloorSeconds">Time that the machine's floors allow for it.</param>
public sealed record BenchTerm(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("floor_seconds")] double FloorSeconds);

/// <summary>A stage of a figure that has several.</summary>
/// <param name="Name">For example generate.</param>
/// <param name="Seconds">Time that it took.</param>
/// <param name="Terms">What its floor is made of.</param>
public sealed record BenchStage(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("seconds")] double Seconds,
    [property: JsonPropertyName("terms")] IReadOnlyList<BenchTerm> Terms)
{
    /// <summary>Time that the machine's floors allow.</summary>
    [JsonPropertyName("floor_seconds")]
    public double FloorSeconds => Terms.Sum(term => term.FloorSeconds);

    /// <summary>Floor ÷ time.</summary>
    [JsonPropertyName("share")]
    public double Share => FloorSeconds / Seconds;
}
