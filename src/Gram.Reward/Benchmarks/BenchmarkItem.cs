using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>Two answers, the better one known.</summary>
/// <param name="Source">The row that it comes from.</param>
/// <param name="Pair">Its texts, the better answer as A; null in a file of scores that lacks them.</param>
/// <param name="Verdict">What a file of scores says of it; null in a data set.</param>
public sealed record Comparison(JsonRow Source, PairRow? Pair, Verdict? Verdict = null)
{
    /// <summary>Whether one answer is known to be better: against a baseline's answer nothing is.</summary>
    public bool HasTruth { get; init; } = true;
}

/// <summary>What a benchmark counts once, and what is resampled as one.</summary>
/// <param name="Group">The part of the benchmark that it belongs to.</param>
/// <param name="Comparisons">Its comparisons: one, or RM-Bench's nine.</param>
public sealed record BenchmarkItem(string Group, IReadOnlyList<Comparison> Comparisons);
