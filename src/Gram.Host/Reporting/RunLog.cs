using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Gram.Training.Runs;

namespace Gram.Host.Reporting;

/// <summary>trainer_log.jsonl of a run: its metrics, step by step.</summary>
internal sealed class RunLog
{
    private readonly IReadOnlyList<JsonObject> lines;

    private RunLog(IReadOnlyList<JsonObject> lines) => this.lines = lines;

    /// <summary>Reads a run's; empty where there is none.</summary>
    public static RunLog Read(string directory) => new(RunDirectory.Logged(directory));

    /// <summary>What there is to say of a run that was stopped: the last values of metrics, and how many steps it made.</summary>
    public IEnumerable<string[]> Lasts(IEnumerable<(string Name, string Metric)> metrics) =>
    [
        .. from metric in metrics
           let last = lines.Select(line => Value(line, metric.Metric)).LastOrDefault(value => value is not null)
           where last is not null
           select new[] { metric.Name, Html.Number(last.Value) },
        ["steps", $"{(lines.Count == 0 ? 0 : Step(lines[^1]))}"],
    ];

    /// <summary>Pictures of those metrics that were logged, each with the metrics of one unit.</summary>
    public XElement? Curves(IEnumerable<(string Title, string Unit, string[] Metrics)> pictures)
    {
        var charts = pictures.Select(picture => new Chart(picture.Title, picture.Unit, "step", [.. picture.Metrics.Select(Curve).Where(curve => curve.Points.Count > 0)])).Where(chart => chart.Curves.Count > 0).ToArray();
        return charts.Length == 0 ? null : Html.Section("Curves", new XElement("div", new XAttribute("class", "pictures"), charts.Select(ChartSvg.Of)));
    }

    /// <summary>Every metric with its first and last, least and greatest value.</summary>
    public XElement Metrics() => Html.Section("Metrics", Html.Table("metrics", ["metric", "first", "last", "least", "greatest"],
        from metric in lines.SelectMany(line => line.Select(entry => entry.Key)).Distinct()
        where metric != "step"
        let values = lines.Select(line => Value(line, metric)).OfType<double>().ToArray()
        where values.Length > 0
        select new[] { metric, Html.Number(values[0]), Html.Number(values[^1]), Html.Number(values.Min()), Html.Number(values.Max()) }));

    /// <summary>A row's number; null where it has none, as where it was not finite.</summary>
    public static double? Value(JsonObject row, string name) => row[name] is { } value && value.GetValueKind() == JsonValueKind.Number ? (double)value : null;

    private Curve Curve(string metric) => new(
        metric,
        [.. lines.Where(line => Value(line, metric) is not null).Select(line => ((double)Step(line), Value(line, metric)!.Value))],
        [.. lines.Where(line => Value(line, metric + "_low") is not null && Value(line, metric + "_high") is not null).Select(line => ((double)Step(line), Value(line, metric + "_low")!.Value, Value(line, metric + "_high")!.Value))]);

    private static int Step(JsonObject line) => (int)line["step"]!;
}
