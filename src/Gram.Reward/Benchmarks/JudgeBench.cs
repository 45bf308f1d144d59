using System.Text.Json.Nodes;
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
        var verdict = ScoreFields.Read(row) ?? Output(row, firstIsBetter);
        PairRow? pair = null;
        if (verdict is null || row.Fields.ContainsKey("response_A"))
        {
            var (a, b) = (row.Text("response_A"), row.Text("response_B"));
            pair = new(row, new Prompt(row.Text("question")), firstIsBetter ? a : b, firstIsBetter ? b : a, true);
        }
        return new(row, pair, verdict);
    }

    /// <summary>JudgeBench's own outputs. The second decision, and the second pair of scores, are of the swapped order.</summary>
    private static Verdict? Output(JsonRow row, bool firstIsBetter)
    {
        (double First, double Second)? orders = row.Fields.ContainsKey("scores") ? (Rewards(row, 0, ofFirst: true), Rewards(row, 1, ofFirst: false))
            : row.Fields.ContainsKey("decisions") ? (Decision(row, 0), 1 - Decision(row, 1))
            : null;
        if (orders is not { } p) return null;
        // Order 1 shows response A first.
        var ofA = Verdict.Of(p.First, p.Second);
        return firstIsBetter ? ofA : ofA.Swapped();
    }

    /// <summary>P(the answer shown first), or of the other, from the order's two rewards: Bradley–Terry's σ of their difference.</summary>
    private static double Rewards(JsonRow row, int order, bool ofFirst)
    {
        var at = $"scores[{order}]";
        if (row.List("scores") is not { Count: 2 } scores || scores[order] is not JsonArray { Count: 2 } pair) throw row.Error("scores", "must be two lists of two scores, one for each order");
        var (first, second) = (ScoreFields.NumberOf(row, pair[0], at + "[0]"), ScoreFields.NumberOf(row, pair[1], at + "[1]"));
        return 1 / (1 + Math.Exp(ofFirst ? second - first : first - second));
    }

    /// <summary>P(the answer shown first) of a decision: 1, 0, or ½ where there is none.</summary>
    private static double Decision(JsonRow row, int order)
    {
        if (row.List("decisions") is not { Count: 2 } decisions) throw row.Error("decisions", "must be two decisions, one for each order");
        return (decisions[order] is { } node ? row.TextOf(node, $"decisions[{order}]") : null) switch
        {
            "A>B" => 1,
            "B>A" => 0,
            _ => 0.5,
        };
    }
}
