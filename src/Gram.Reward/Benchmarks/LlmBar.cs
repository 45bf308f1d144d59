using System.Text.Json.Nodes;
using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>
/// LLMBar (arXiv 2310.07641): accuracy with output_1 first and with output_2 first, their mean, and how often both orders
/// agree. Takes its data sets, its published result files, and scored pairs.
/// </summary>
public sealed class LlmBar : Benchmark
{
    private const int Order1 = 0, Order2 = 1, Agreement = 2, BothRight = 3;

    /// <inheritdoc/>
    public override string Name => "llmbar";

    /// <inheritdoc/>
    public override IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset) => [.. JsonRows.Read(dataset.File).Select(row => new BenchmarkItem(SubsetOf(row), [ComparisonOf(row)]))];

    internal override double[] Measures(BenchmarkItem item, IReadOnlyList<Verdict> verdicts)
    {
        if (verdicts[0] is not { PAb: { } ab, PBa: { } ba }) throw item.Comparisons[0].Source.Error("p_ab", "and p_ba are needed: LLMBar counts each order by itself");
        var (first, second) = FirstIsBetter(item.Comparisons[0].Source) ? (ab, ba) : (ba, ab);
        return [Share(first > 0.5), Share(second > 0.5), Share(ab > 0.5 == ba > 0.5), Share(ab > 0.5 && ba > 0.5)];
    }

    internal override Figures Summarise(IReadOnlyList<GroupMean> groups)
    {
        var count = groups.Sum(group => group.Count);
        Figure[] figures =
        [
            new("order 1", Pooled(groups, Order1), count), new("order 2", Pooled(groups, Order2), count),
            new("agreement", Pooled(groups, Agreement), count), new("both right", Pooled(groups, BothRight), count),
        ];
        return new(figures, groups.Average(Mean), (figures[Order1].Value + figures[Order2].Value) / 2)
        {
            Details = [.. groups.Select(group => new Figure(group.Group, Mean(group), group.Count))],
        };

        static double Mean(GroupMean group) => (group.Means[Order1] + group.Means[Order2]) / 2;
    }

    private static Comparison ComparisonOf(JsonRow row)
    {
        if (!row.Fields.ContainsKey("label")) return Ranked(row);
        var firstIsBetter = FirstIsBetter(row);
        var (better, other) = firstIsBetter ? ("output_1", "output_2") : ("output_2", "output_1");
        var verdict = ScoreFields.Read(row) ?? Published(row, firstIsBetter);
        return new(row, verdict is null || row.Fields.ContainsKey(better) ? new(row, new Prompt(row.Text("input")), row.Text(better), row.Text(other), true) : null, verdict);
    }

    /// <summary>LLMBar's result files: winner, in both orders, is the number of the output; anything else is no decision. Of repeated attempts the last counts, as in its statistics.</summary>
    private static Verdict? Published(JsonRow row, bool firstIsBetter)
    {
        if (!row.Fields.ContainsKey("results")) return null;
        if (row.List("results") is not [.., JsonObject result]) throw row.Error("results", "must hold the results of both orders");
        var first = Verdict.Of(FirstWins("swap = False"), FirstWins("swap = True"));
        return firstIsBetter ? first : first.Swapped();

        double FirstWins(string order)
        {
            if (result[order] is not JsonObject outcome) throw row.Error($"results.{order}", "is missing");
            return outcome["winner"]?.ToString() switch
            {
                "1" => 1,
                "2" => 0,
                _ => 0.5,
            };
        }
    }

    /// <summary>Whether output_1 is the better one; rows of chosen and rejected are taken as if it were.</summary>
    private static bool FirstIsBetter(JsonRow row) => !row.Fields.ContainsKey("label") || Label(row, "label") switch
    {
        "1" => true,
        "2" => false,
        var other => throw row.Error("label", $"is {other}; LLMBar's are 1 and 2"),
    };

    /// <summary>The row's subset, or its file's folder (Natural, Adversarial/Neighbor, …).</summary>
    private static string SubsetOf(JsonRow row) => row.OptionalText("subset") ?? Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(row.File))) ?? "all";
}
