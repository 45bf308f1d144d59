using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Training.Runs;

namespace Gram.Reward.Benchmarks;

/// <summary>A judge's evaluation beside its floors and what others published, as a table, a Markdown page and JSON. Figures are in percent.</summary>
/// <param name="Benchmark">The benchmark's name.</param>
/// <param name="Judge">The judge's evaluation.</param>
/// <param name="Floors">Evaluations of baselines on the same items, the length rule first where the texts are known.</param>
/// <param name="Published">Rows of a published table; none of them was measured here.</param>
public sealed record EvaluationReport(string Benchmark, Evaluation Judge, IReadOnlyList<Evaluation> Floors, IReadOnlyList<PublishedRow> Published)
{
    private const string Average = "Avg.", Overall = "Overall", Nothing = "–";

    /// <summary>Names of the table's columns: the judge's, which is empty, then the groups, their average and all.</summary>
    public IReadOnlyList<string> Head => ["", .. Columns];

    /// <summary>Finer figures: name, items, percent.</summary>
    public IEnumerable<string[]> Details => Judge.Figures.Details.Select(figure => (string[])[figure.Name, Invariant($"{figure.Count}"), Percent(figure.Value)]);

    private IEnumerable<string> Columns => Judge.Figures.Groups.Select(group => group.Name).Concat(Judge.Figures.Groups.Count > 0 ? [Average, Overall] : [Overall]);

    /// <summary>How the table is read.</summary>
    public string Note => "Percent; below a figure its 95 % bootstrap interval. A tie is wrong. The length rule (the longer answer is better) is the floor to beat." +
        (Published.Count > 0 ? "\nRows marked *published* are the figures of GRAM's README; they were not measured here." : "");

    /// <summary>The table in aligned columns, below a line with what it counts.</summary>
    public string ToText()
    {
        string[][] rows = [[.. Head], .. Rows()];
        return $"{Benchmark}: {Counted()}\n\n{TextTable.Of(rows, leftColumns: 1)}";
    }

    /// <summary>A page with the table, finer figures, calibration and how it was counted.</summary>
    /// <param name="plot">File of the reliability plot beside the page; null = none.</param>
    public string ToMarkdown(string? plot)
    {
        var page = new StringBuilder().AppendLine($"# {Benchmark}: {Judge.Judge}").AppendLine().AppendLine($"{Counted()}.").AppendLine();
        Table([.. Head], Rows());
        page.AppendLine(Note);
        if (Judge.Figures.Details.Count > 0)
        {
            page.AppendLine().AppendLine("## In detail").AppendLine();
            Table(["", "Items", Judge.Judge], Details);
        }
        if (Judge.Calibration is { } calibration)
        {
            page.AppendLine().AppendLine("## Calibration").AppendLine().AppendLine(Invariant($"Expected calibration error {calibration.ExpectedError:0.0000} over {calibration.Bins.Count} bins of the confidence in the preferred answer.")).AppendLine();
            if (plot is not null) page.AppendLine($"![Accuracy against confidence]({plot})").AppendLine();
            Table(["Confidence", "Comparisons", "Mean confidence", "Accuracy"], calibration.Bins.Where(bin => bin.Count > 0)
                .Select(bin => (string[])[Invariant($"{bin.Low:0.00}–{bin.High:0.00}"), Invariant($"{bin.Count}"), Invariant($"{bin.Confidence:0.000}"), Invariant($"{bin.Accuracy:0.000}")]));
        }
        return page.ToString();

        void Table(string[] head, IEnumerable<string[]> rows)
        {
            page.AppendLine($"| {string.Join(" | ", head)} |").AppendLine($"| --- |{string.Concat(Enumerable.Repeat(" ---: |", head.Length - 1))}");
            foreach (var row in rows) page.AppendLine($"| {string.Join(" | ", row.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal)))} |");
            page.AppendLine();
        }
    }

    /// <summary>The object of --json, in percent as the benchmark prints; order disagreement and calibration are shares of 1.</summary>
    public JsonObject ToJson()
    {
        var json = Of(Judge, withName: false);
        json.Insert(0, "benchmark", Benchmark);
        json.Insert(1, "judge", Judge.Judge);
        json["length_rule"] = Floors.FirstOrDefault(floor => floor.Judge == Evaluation.LengthRuleName) is { } length ? 100 * length.Figures.Overall : null;
        json["baselines"] = new JsonArray([.. Floors.Select(floor => Of(floor, withName: true))]);
        json["published"] = new JsonArray([.. Published.Select(row => new JsonObject { ["model"] = row.Model, ["groups"] = JsonSerializer.SerializeToNode(row.Groups), ["average"] = row.Average })]);
        return json;
    }

    /// <summary>What was counted, in a line.</summary>
    public string Counted()
    {
        var text = new StringBuilder(Invariant($"{Judge.Count} items"));
        if (Judge.Comparisons != Judge.Count) text.Append(Invariant($", {Judge.Comparisons} comparisons"));
        text.Append(Invariant($", {Judge.Ties} ties"));
        if (Judge.OrderDisagreement is { } disagreement) text.Append(Invariant($", order disagreement {disagreement:0.000}"));
        if (Judge.Calibration is { } calibration) text.Append(Invariant($", expected calibration error {calibration.ExpectedError:0.000}"));
        return text.ToString();
    }

    /// <summary>The table's rows: the judge, its floors and what was published, below a measured row its intervals.</summary>
    public IEnumerable<string[]> Rows()
    {
        yield return Cells(Judge);
        yield return Intervals(Judge);
        foreach (var floor in Floors)
        {
            yield return Cells(floor);
            yield return Intervals(floor);
        }
        foreach (var row in Published)
        {
            yield return [$"{row.Model} (published)", .. Columns.Select(column => column == Average ? Invariant($"{row.Average:0.0}") : row.Groups.TryGetValue(column, out var value) ? Invariant($"{value:0.0}") : Nothing)];
        }
    }

    private string[] Cells(Evaluation evaluation) => [evaluation.Judge, .. Columns.Select((column, i) => Percent(Values(evaluation)[i]))];

    private string[] Intervals(Evaluation evaluation)
    {
        Interval[] intervals = [.. evaluation.Groups, .. evaluation.Groups.Count > 0 ? [evaluation.Average] : Array.Empty<Interval>(), evaluation.Overall];
        return ["", .. intervals.Select(interval => Invariant($"[{100 * interval.Low:0.0}, {100 * interval.High:0.0}]"))];
    }

    private static double[] Values(Evaluation evaluation) => evaluation.Figures.Groups.Count > 0 ? evaluation.Figures.Values : [evaluation.Figures.Overall];

    private static JsonObject Of(Evaluation evaluation, bool withName)
    {
        var (figures, json) = (evaluation.Figures, new JsonObject());
        if (withName) json["name"] = evaluation.Judge;
        json["count"] = evaluation.Count;
        json["comparisons"] = evaluation.Comparisons;
        json["ties"] = evaluation.Ties;
        json["groups"] = new JsonObject(figures.Groups.Select(group => KeyValuePair.Create(group.Name, (JsonNode?)(100 * group.Value))));
        json["average"] = 100 * figures.Average;
        json["overall"] = 100 * figures.Overall;
        json["interval"] = Percent(evaluation.Overall);
        json["average_interval"] = Percent(evaluation.Average);
        json["group_intervals"] = new JsonObject(figures.Groups.Zip(evaluation.Groups, (group, interval) => KeyValuePair.Create(group.Name, (JsonNode?)Percent(interval))));
        json["group_counts"] = new JsonObject(figures.Groups.Select(group => KeyValuePair.Create(group.Name, (JsonNode?)group.Count)));
        if (figures.Details.Count > 0) json["details"] = new JsonObject(figures.Details.Select(figure => KeyValuePair.Create(figure.Name, (JsonNode?)(100 * figure.Value))));
        json["order_disagreement"] = evaluation.OrderDisagreement;
        if (evaluation.Calibration is { } calibration)
        {
            json["calibration"] = new JsonObject
            {
                ["expected_error"] = calibration.ExpectedError,
                ["bins"] = new JsonArray([.. calibration.Bins.Select(bin => new JsonObject { ["low"] = bin.Low, ["high"] = bin.High, ["count"] = bin.Count, ["confidence"] = bin.Confidence, ["accuracy"] = bin.Accuracy })]),
            };
        }
        return json;
    }

    private static JsonArray Percent(Interval interval) => [100 * interval.Low, 100 * interval.High];

    private static string Percent(double share) => Invariant($"{100 * share:0.00}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
