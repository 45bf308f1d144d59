using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>
/// JudgeBench (arXiv 2410.12784) in GRAM's form and in its own, with its published outputs. Average is the mean of the four
/// groups, the GRAM tables' figure; overall is over all items, the benchmark's own.
/// </summary>
public sealed class JudgeBench : Benchmark
{
    /// <summary>Groups by the beginning of source.</summary>
    private static readonly (string Source, string Group)[] Groups =
        [("mmlu-pro", "Knowledge"), ("livebench-reasoning", "Reasoning"), ("livebench-math", "Math"), ("livecodebench", "Coding")];

    /// <inheritdoc/>
    public override string Name => "judgebench";

    /// <inheritdoc/>
    public override IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset) => [.. JsonRows.Read(dataset.File).Select(row => new BenchmarkItem(GroupOf(row), [ComparisonOf(row)]))];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Missing(IReadOnlyList<BenchmarkItem> items) => [.. Groups.Select(group => group.Group).Except(items.Select(item => item.Group))];

    internal override Figures Summarise(IReadOnlyList<GroupMean> groups)
    {
        Figure[] figures = [.. Groups.SelectMany(known => groups.Where(group => group.Group == known.Group)).Select(group => new Figure(group.Group, group.Means[0], group.Count))];
        return new(figures, figures.Average(figure => figure.Value), Pooled(groups));
    }

    private static string GroupOf(JsonRow row)
    {
        var source = row.Text("source");
        return Groups.FirstOrDefault(group => source.StartsWith(group.Source, StringComparison.Ordinal)).Group
            ?? throw row.Error("source", $"is \"{source}\"; JudgeBench's begin with {string.Join(", ", Groups.Select(group => group.Source))}");
    }

    private static Comparison ComparisonOf(JsonRow row)
    {
        if (!row.Fields.ContainsKey("label")) return Ranked(row);
        var firstIsBetter = row.Text("label") switch
        {
            "A>B" => true,
            "B>A" => false,
            var other => throw row.Error("label", $"is \"{other}\"; JudgeBench's are A>B and B>A"),
        };
        var verdict = ScoreFields.Read(row) ?? JudgeBenchOutput.Read(row, firstIsBetter);
        PairRow? pair = null;
        if (verdict is null || row.Fields.ContainsKey("response_A"))
        {
            var (a, b) = (row.Text("response_A"), row.Text("response_B"));
            pair = new(row, new Prompt(row.Text("question")), firstIsBetter ? a : b, firstIsBetter ? b : a, true);
        }
        return new(row, pair, verdict);
    }
}
