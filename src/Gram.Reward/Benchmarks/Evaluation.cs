using Gram.Models;
using Gram.Reward.Baselines;

namespace Gram.Reward.Benchmarks;

/// <summary>How a judge does on a benchmark.</summary>
/// <param name="Judge">The judge's name.</param>
/// <param name="Figures">What the benchmark reports.</param>
/// <param name="Groups">Intervals of the figures' groups, in their order.</param>
/// <param name="Average">Interval of the average.</param>
/// <param name="Overall">Interval of the overall figure.</param>
/// <param name="Count">Items.</param>
/// <param name="Comparisons">Comparisons; each item of RM-Bench has nine.</param>
/// <param name="Ties">Comparisons whose answers score the same.</param>
public sealed record Evaluation(string Judge, Figures Figures, IReadOnlyList<Interval> Groups, Interval Average, Interval Overall, int Count, int Comparisons, int Ties)
{
    /// <summary>Resamples behind the intervals unless told otherwise.</summary>
    public const int BootstrapSamples = 1000;

    /// <summary>Name of the longer-answer rule.</summary>
    public const string LengthRuleName = "length rule";

    /// <summary>Mean order disagreement; null where the scores do not say the orders.</summary>
    public double? OrderDisagreement { get; init; }

    /// <summary>Whether it is right as often as it is sure; null where no answer is known to be better.</summary>
    public Calibration? Calibration { get; init; }

    /// <summary>What verdicts on a benchmark's items amount to.</summary>
    /// <param name="judge">The judge's name.</param>
    /// <param name="benchmark">The benchmark.</param>
    /// <param name="items">Its items, at least one.</param>
    /// <param name="verdicts">Verdicts on all their comparisons, in order.</param>
    /// <param name="seed">Seed of the resampling.</param>
    /// <param name="samples">Resamples.</param>
    public static Evaluation Of(string judge, Benchmark benchmark, IReadOnlyList<BenchmarkItem> items, IReadOnlyList<Verdict> verdicts, ulong seed = 42, int samples = BootstrapSamples)
    {
        var next = 0;
        (string Group, double[][] Items)[] groups = [.. items
            .Select(item => (item.Group, Measures: benchmark.Measures(item, [.. item.Comparisons.Select(_ => verdicts[next++])])))
            .GroupBy(item => item.Group, item => item.Measures)
            .Select(group => (group.Key, group.ToArray()))];
        var figures = benchmark.Summarise([.. groups.Select(group => new GroupMean(group.Group, group.Items.Length, Means(group.Items)))]);
        var intervals = Bootstrap.Intervals(groups, means => benchmark.Summarise(means).Values, samples, new RandomSource(seed));
        Verdict[] known = [.. items.SelectMany(item => item.Comparisons).Zip(verdicts).Where(pair => pair.First.HasTruth).Select(pair => pair.Second)];
        return new(judge, figures, intervals[..^2], intervals[^2], intervals[^1], items.Count, verdicts.Count, verdicts.Count(verdict => verdict.IsTie))
        {
            OrderDisagreement = verdicts.All(verdict => verdict.OrderDisagreement is not null) ? verdicts.Average(verdict => verdict.OrderDisagreement) : null,
            Calibration = known.Length > 0 ? Calibration.Of(known) : null,
        };
    }

    /// <summary>The longer-answer rule on the same items; null where their texts are not known.</summary>
    public static Evaluation? OfLength(Benchmark benchmark, IReadOnlyList<BenchmarkItem> items, ulong seed = 42, int samples = BootstrapSamples)
    {
        Verdict[] verdicts = [.. items.SelectMany(item => item.Comparisons).Select(comparison => comparison.Pair).OfType<Data.PairRow>().Select(pair => Verdict.Of(LengthRule.Score(pair.AnswerA, pair.AnswerB)))];
        return verdicts.Length == items.Sum(item => item.Comparisons.Count) ? Of(LengthRuleName, benchmark, items, verdicts, seed, samples) : null;
    }

    private static double[] Means(double[][] items) => [.. Enumerable.Range(0, items[0].Length).Select(measure => items.Average(item => item[measure]))];
}
