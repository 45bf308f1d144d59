using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>Reads what an evaluation needs: the items, and, from a file of scores, the verdicts on them.</summary>
public static class BenchmarkReader
{
    /// <summary>The items of data sets, one after the other.</summary>
    /// <exception cref="GramException">A file or a row is wrong, a text is missing, or there are no items.</exception>
    public static IReadOnlyList<BenchmarkItem> Items(Benchmark benchmark, IEnumerable<string> datasets, string datasetDir, int? most = null)
    {
        BenchmarkItem[] items = [.. datasets.SelectMany(name => Read(benchmark, DatasetInfo.Find(name, datasetDir)).Take(most ?? int.MaxValue))];
        return items.SelectMany(item => item.Comparisons).FirstOrDefault(comparison => comparison.Pair is null) is { } bare
            ? throw new GramException($"{bare.Source.File}, row {bare.Source.Row}: has scores and no texts, so that there is nothing to judge: name it with --scores")
            : items;
    }

    /// <summary>The items of a file of scores, with a verdict on each comparison.</summary>
    /// <param name="benchmark">The benchmark.</param>
    /// <param name="scores">The file.</param>
    /// <param name="texts">Items of the benchmark's data sets, in the same order, for a file that lacks texts; empty = none.</param>
    /// <exception cref="GramException">A row is wrong or has no scores, or the texts are of other items.</exception>
    public static (IReadOnlyList<BenchmarkItem> Items, IReadOnlyList<Verdict> Verdicts) Scores(Benchmark benchmark, string scores, IReadOnlyList<BenchmarkItem> texts)
    {
        var items = Read(benchmark, new DatasetInfo(scores, scores, null, null, DatasetInfo.DefaultColumns, new()));
        Verdict[] verdicts = [.. items.SelectMany(item => item.Comparisons).Select(comparison => comparison.Verdict ?? throw comparison.Source.Error("score_chosen", "and score_rejected are missing: the file holds no scores"))];
        if (texts.Count == 0) return (items, verdicts);
        if (texts.Count != items.Count) throw new GramException($"{scores} scores {items.Count} items, the data sets hold {texts.Count}: name those that it scores, in its order");
        return ([.. items.Zip(texts, Join)], verdicts);
    }

    private static IReadOnlyList<BenchmarkItem> Read(Benchmark benchmark, DatasetInfo dataset) =>
        benchmark.Read(dataset) is { Count: > 0 } items ? items : throw new GramException($"{dataset.File} holds nothing that {benchmark.Name} counts: every row lacks a preference");

    private static BenchmarkItem Join(BenchmarkItem scored, BenchmarkItem texts)
    {
        var (row, source) = (scored.Comparisons[0].Source, texts.Comparisons[0].Source);
        foreach (var field in (ReadOnlySpan<string>)["pair_id", "id"])
        {
            if (row.Fields[field]?.ToJsonString() is { } id && source.Fields[field]?.ToJsonString() is { } other && id != other)
                throw row.Error(field, $"is {id}, where {source.File}, row {source.Row}, has {other}: the scores are not in the order of the data sets");
        }
        return scored with { Comparisons = [.. scored.Comparisons.Zip(texts.Comparisons, (comparison, text) => comparison with { Pair = text.Pair })] };
    }
}
