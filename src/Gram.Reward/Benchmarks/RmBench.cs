using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>
/// RM-Bench (arXiv 2410.16184): three chosen against three rejected answers, each in the styles concise, detailed plain and
/// detailed markdown. Cell (i, j) is right where chosen i beats rejected j; above the diagonal is hard, the diagonal normal,
/// below it easy. Takes its own 3 × 3 lists and GRAM's rows with matrix_id.
/// </summary>
public sealed class RmBench : Benchmark
{
    private const int Styles = 3, Cells = Styles * Styles;
    private static readonly string[] Domains = ["chat", "code", "math", "safety"];
    private static readonly string[] Levels = ["hard", "normal", "easy"];

    /// <inheritdoc/>
    public override string Name => "rm-bench";

    /// <inheritdoc/>
    public override IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset)
    {
        var items = new List<(string Domain, Comparison?[] Cells, JsonRow First)>();
        // Items of one id, in the order in which they began: a row belongs to the first of them that lacks its cell.
        var byId = new Dictionary<(string, string), List<Comparison?[]>>();
        foreach (var row in JsonRows.Read(dataset.File))
        {
            if (!row.Fields.ContainsKey("matrix_id"))
            {
                items.Add((DomainOf(row), [.. Matrix(row)], row));
                continue;
            }
            var cell = CellOf(row);
            var key = (DomainOf(row), row.Fields["id"]?.ToJsonString() ?? "");
            if (!byId.TryGetValue(key, out var begun)) byId.Add(key, begun = []);
            if (begun.Find(cells => cells[cell] is null) is not { } item)
            {
                begun.Add(item = new Comparison?[Cells]);
                items.Add((key.Item1, item, row));
            }
            item[cell] = Ranked(row);
        }
        return [.. items.Select(item => new BenchmarkItem(item.Domain, [.. item.Cells.Select((cell, i) => cell ?? throw item.First.Error("matrix_id", $"begins an item of which cell {i / Styles}-{i % Styles} is missing"))]))];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Missing(IReadOnlyList<BenchmarkItem> items) => [.. Domains.Except(items.Select(item => item.Group))];

    internal override double[] Measures(BenchmarkItem item, IReadOnlyList<Verdict> verdicts)
    {
        return [Mean((i, j) => i < j), Mean((i, j) => i == j), Mean((i, j) => i > j)];

        double Mean(Func<int, int, bool> isCell) => verdicts.Where((_, cell) => isCell(cell / Styles, cell % Styles)).Average(verdict => Share(verdict.IsRight));
    }

    internal override Figures Summarise(IReadOnlyList<GroupMean> groups)
    {
        GroupMean[] domains = [.. Domains.SelectMany(name => groups.Where(group => group.Group == name))];
        Figure[] scores = [.. domains.Select(domain => new Figure(domain.Group, domain.Means.Average(), domain.Count))];
        var levels = Levels.Select((level, i) => new Figure(level, domains.Average(domain => domain.Means[i]), domains.Sum(domain => domain.Count)));
        var overall = scores.Average(score => score.Value);
        return new([.. scores, .. levels], overall, overall)
        {
            Details = [.. domains.SelectMany(domain => Levels.Select((level, i) => new Figure($"{domain.Group} {level}", domain.Means[i], domain.Count)))],
        };
    }

    /// <summary>The nine cells of a row that holds lists of three answers, of three scores, or both.</summary>
    private static IEnumerable<Comparison> Matrix(JsonRow row)
    {
        var isScored = row.Fields.ContainsKey("score_chosen") || row.Fields.ContainsKey("score_rejected");
        var hasTexts = row.Fields.ContainsKey("chosen") || !isScored;
        for (var cell = 0; cell < Cells; cell++)
        {
            var (i, j) = (cell / Styles, cell % Styles);
            var fields = (JsonObject)row.Fields.DeepClone();
            fields["matrix_id"] = string.Create(CultureInfo.InvariantCulture, $"{i}-{j}");
            if (hasTexts) (fields["chosen"], fields["rejected"]) = (row.TextOf(Triple("chosen")[i], $"chosen[{i}]"), row.TextOf(Triple("rejected")[j], $"rejected[{j}]"));
            if (isScored)
            {
                fields["score_chosen"] = ScoreFields.NumberOf(row, Triple("score_chosen")[i], $"score_chosen[{i}]");
                fields["score_rejected"] = ScoreFields.NumberOf(row, Triple("score_rejected")[j], $"score_rejected[{j}]");
            }
            yield return Ranked(row with { Fields = fields });
        }

        JsonArray Triple(string field) => row.List(field) is { Count: Styles } list ? list : throw row.Error(field, $"must hold {Styles} items, one for each style");
    }

    private static int CellOf(JsonRow row) => row.Text("matrix_id") is [>= '0' and <= '2' and var i, '-', >= '0' and <= '2' and var j] ? (i - '0') * Styles + (j - '0')
        : throw row.Error("matrix_id", "must be the styles of both answers, 0-0 to 2-2");

    /// <summary>The row's domain, or that of its file (RM-Bench has one for each), or that of the set that it was drawn from.</summary>
    private static string DomainOf(JsonRow row)
    {
        var names = new[] { row.OptionalText("domain"), Path.GetFileName(row.File), SetDomain(row.OptionalText("subset")) }.OfType<string>();
        return names.Select(name => Domains.FirstOrDefault(domain => name.StartsWith(domain, StringComparison.Ordinal))).FirstOrDefault(domain => domain is not null)
            ?? throw row.Error("domain", $"is needed: one of {string.Join(", ", Domains)}");
    }

    private static string? SetDomain(string? subset) => subset switch
    {
        null => null,
        "alpacaeval" => "chat",
        "bigcode/humanevalpack" => "code",
        _ when subset.StartsWith("xstest", StringComparison.Ordinal) || subset.StartsWith("refusals", StringComparison.Ordinal) => "safety",
        _ => subset,
    };
}
