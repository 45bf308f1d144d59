using System.Text.Json.Serialization;

namespace Gram.Models.Speed;

/// <summary>What a model does with its time.</summary>
public enum Workload
{
    /// <summary>Many tokens at once, as a judge reads them: bound by arithmetic.</summary>
    Scoring,
    /// <summary>One token of a few rows at once, as answers are written: bound by reading the weights.</summary>
    Decoding,
}

/// <summary>How fast a model computes in one dtype.</summary>
/// <param name="Scoring">GFLOP/s over 128 tokens.</param>
/// <param name="Decoding">GFLOP/s over the next token of 8 rows.</param>
public sealed record DTypeRates(
    [property: JsonPropertyName("scoring_gflops")] double Scoring,
    [property: JsonPropertyName("decoding_gflops")] double Decoding)
{
    /// <summary>The rate of a workload.</summary>
    public double Of(Workload workload) => workload == Workload.Scoring ? Scoring : Decoding;

    /// <summary>The better of two measurements.</summary>
    internal DTypeRates Max(DTypeRates other) => new(Math.Max(Scoring, other.Scoring), Math.Max(Decoding, other.Decoding));

    /// <summary>Whether both could have been measured.</summary>
    internal bool IsMeasured => double.IsFinite(Scoring) && double.IsFinite(Decoding) && Scoring > 0 && Decoding > 0;
}
