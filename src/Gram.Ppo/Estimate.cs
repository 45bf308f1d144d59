using System.Text.Json.Serialization;

namespace Gram.Ppo;

/// <summary>A mean over prompts with its 95 % interval.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public sealed record Estimate(
    [property: JsonPropertyName("mean")] double Mean,
    [property: JsonPropertyName("low")] double Low,
    [property: JsonPropertyName("high")] double High)
{
    private const double Z = 1.959963984540054;

    /// <summary>Mean of values in [0, 1] with the normal interval mean ± 1.96·s/√n, s with Bessel's correction, as far as it lies in [0, 1].</summary>
    public static Estimate OfMean(IReadOnlyCollection<double> values)
    {
        var mean = values.Average();
        var variance = values.Count < 2 ? 0 : values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1);
        var half = Z * Math.Sqrt(variance / values.Count);
        return new Estimate(mean, Math.Max(0, mean - half), Math.Min(1, mean + half));
    }

    /// <summary>1 where a score beats another, ½ in a tie, 0 otherwise.</summary>
    public static double Win(double score, double other) => score > other ? 1 : score < other ? 0 : 0.5;

    /// <summary>A win rate (1 won, ½ tied, 0 lost) with Wilson's interval, which stays in [0, 1] and keeps its width at the ends.</summary>
    public static Estimate OfWins(IReadOnlyCollection<double> wins)
    {
        double n = wins.Count, p = wins.Average(), z2 = Z * Z;
        var centre = (p + (z2 / (2 * n))) / (1 + (z2 / n));
        var half = Z / (1 + (z2 / n)) * Math.Sqrt((p * (1 - p) / n) + (z2 / (4 * n * n)));
        return new Estimate(p, Math.Max(0, centre - half), Math.Min(1, centre + half));
    }
}
