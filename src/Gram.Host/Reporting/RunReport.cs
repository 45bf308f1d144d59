using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml;
using System.Xml.Linq;
using Gram.Host.Commands;
using Gram.Models.Checkpoints;
using Gram.Ppo;

namespace Gram.Host.Reporting;

/// <summary>
/// report.html of a PPO run, made of what lies in its folder: results, curves, answers before and after, the last samples, configuration and
/// environment. One file that needs no network.
/// </summary>
internal static class RunReport
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "report.html";

    private const int LastSamples = 12;

    /// <summary>Metrics that belong into one picture.</summary>
    private static readonly (string Title, string[] Metrics)[] Pictures =
    [
        ("win rate and gold score", ["eval/win_rate_vs_initial", "eval/gold", "gram/win_rate"]),
        ("reward", ["objective/scores", "objective/rlhf_reward"]),
        ("KL from the reference, nats a response", ["objective/kl", "eval/kl"]),
        ("tokens of a response", ["tokens/response_len_mean"]),
        ("entropy, nats a token", ["policy/entropy_avg"]),
        ("policy loss", ["loss/policy_avg"]),
        ("value loss", ["loss/value_avg"]),
        ("variance explained by the value model", ["val/var_explained"]),
        ("share of clipped tokens", ["policy/clipfrac_avg", "val/clipfrac_avg"]),
        ("gradient norm", ["grad_norm"]),
        ("order disagreement, markers, truncated answers", ["gram/order_disagreement", "gram/marker_rate", "tokens/truncated_rate"]),
        ("seconds of a step", ["time/generate", "time/judge", "time/score", "time/update"]),
    ];

    public const string Style = """
        :root{color-scheme:light dark;--line:#8884}
        body{font:15px/1.5 system-ui,sans-serif;max-width:1320px;margin:0 auto;padding:1.5rem}
        h2{margin-top:2.2rem} .pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(380px,1fr));gap:1rem}
        figure{margin:0;border:1px solid var(--line);border-radius:8px;padding:.6rem} figcaption{font-weight:600}
        svg{width:100%;height:auto} svg text{font-size:11px;fill:currentColor} .grid{stroke:var(--line)}
        .legend{margin:.2rem 0 0;font-size:12px} .legend span{margin-right:1rem} .legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.35em}
        table{border-collapse:collapse;width:100%} th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top} td{white-space:pre-wrap;overflow-wrap:anywhere}
        .number{text-align:right;font-variant-numeric:tabular-nums} pre{overflow:auto;border:1px solid var(--line);border-radius:8px;padding:.8rem}
        """;

    /// <summary>Writes the report of a run that has ended.</summary>
    /// <param name="result">What it came to; its model is the run's folder.</param>
    /// <param name="environment">What it ran on, name by name.</param>
    public static void Write(PpoResult result, IEnumerable<(string Name, string Value)> environment)
    {
        var log = Lines(result.Model, "trainer_log.jsonl");
        var samples = Lines(result.Model, "samples.jsonl");
        var config = Path.Combine(result.Model, "config.yaml");
        var name = Path.GetFileName(result.Model.TrimEnd(Path.DirectorySeparatorChar));
        var page = new XElement("html", new XAttribute("lang", "en"),
            new XElement("head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("title", $"{name}: PPO"),
                new XElement("style", Style)),
            new XElement("body",
                new XElement("h1", name),
                Table("results", [], Results(result)),
                Section("Curves", new XElement("div", new XAttribute("class", "pictures"), Curves(log))),
                result.Examples.Count == 0 ? null : Section("Before and after", Table("examples", ["prompt", "initial policy", "trained policy"], result.Examples.Select(example => new[] { example.Question, example.Before, example.After }))),
                samples.Count == 0 ? null : Section("Last samples", Table("samples", ["step", "prompt", "sample", "judged against", "score", "reward", "KL"], samples.TakeLast(LastSamples).Select(Sample))),
                Section("Metrics", Table("metrics", ["metric", "first", "last", "smallest", "largest"], Metrics(log))),
                File.Exists(config) ? Section("Configuration", new XElement("pre", Clean(File.ReadAllText(config)))) : null,
                Section("Environment", Table("environment", [], environment.Select(entry => new[] { entry.Name, entry.Value })))));
        AtomicFile.WriteText(Path.Combine(result.Model, FileName), $"<!DOCTYPE html>\n{page}\n");
    }

    private static IEnumerable<string[]> Results(PpoResult result)
    {
        if (result.Gold is { } gold)
        {
            yield return ["gold score before", PpoReport.Of(gold.Before)];
            yield return ["gold score after", PpoReport.Of(gold.After)];
        }
        if (result.WinRate is { } wins)
        {
            yield return ["win rate against the initial policy, by the judge", PpoReport.Of(wins.Judge)];
            if (wins.Gold is { } byGold) yield return ["by gold score", PpoReport.Of(byGold)];
        }
        yield return ["KL from the reference, nats a response", CurveSvg.Number(result.Kl)];
        yield return ["steps", $"{result.Steps}"];
        yield return ["seconds (of the last process)", CurveSvg.Number(Math.Round(result.Seconds, 1))];
    }

    private static IEnumerable<XElement> Curves(IReadOnlyList<JsonObject> log) => Pictures
        .Select(picture => (picture.Title, Curves: picture.Metrics.Select(metric => CurveOf(log, metric)).Where(curve => curve.Points.Count > 0).ToArray()))
        .Where(picture => picture.Curves.Length > 0)
        .Select(picture => CurveSvg.Of(picture.Title, picture.Curves));

    private static Curve CurveOf(IReadOnlyList<JsonObject> log, string metric) => new(
        metric,
        [.. log.Where(line => Value(line, metric) is not null).Select(line => (Step(line), Value(line, metric)!.Value))],
        [.. log.Where(line => Value(line, metric + "_low") is not null && Value(line, metric + "_high") is not null).Select(line => (Step(line), Value(line, metric + "_low")!.Value, Value(line, metric + "_high")!.Value))]);

    private static IEnumerable<string[]> Metrics(IReadOnlyList<JsonObject> log) =>
        from metric in log.SelectMany(line => line.Select(entry => entry.Key)).Distinct()
        where metric != "step"
        let values = log.Select(line => Value(line, metric)).OfType<double>().ToArray()
        where values.Length > 0
        select new[] { metric, CurveSvg.Number(values[0]), CurveSvg.Number(values[^1]), CurveSvg.Number(values.Min()), CurveSvg.Number(values.Max()) };

    private static string[] Sample(JsonObject line) =>
    [
        $"{line["step"]}", $"{line["prompt"]}", $"{line["response"]}", $"{line["reference"]}",
        .. ((string[])["score", "reward", "kl"]).Select(name => CurveSvg.Number(Value(line, name) ?? double.NaN)),
    ];

    private static int Step(JsonObject line) => (int)line["step"]!;

    private static double? Value(JsonObject line, string name) => line[name] is { } value && value.GetValueKind() == JsonValueKind.Number ? (double)value : null;

    public static XElement Section(string title, XElement content) => new("section", new XElement("h2", title), content);

    public static XElement Table(string name, IReadOnlyList<string> head, IEnumerable<string[]> rows) => new("table", new XAttribute("id", name),
        head.Count == 0 ? null : new XElement("thead", new XElement("tr", head.Select(cell => new XElement("th", cell)))),
        new XElement("tbody", "", rows.Select(row => new XElement("tr", row.Select(cell => new XElement("td", IsNumber(cell) ? new XAttribute("class", "number") : null, Clean(cell)))))));

    private static bool IsNumber(string text) => double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out _);

    /// <summary>Without characters that no page may hold: answers of a model may have any.</summary>
    public static string Clean(string text)
    {
        var clean = new System.Text.StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // halves of surrogate pairs become U+FFFD
        {
            if (rune.Value > char.MaxValue || XmlConvert.IsXmlChar((char)rune.Value)) clean.Append(rune.ToString());
            else clean.Append('\uFFFD');
        }
        return clean.ToString();
    }

    private static List<JsonObject> Lines(string directory, string file) =>
        !File.Exists(Path.Combine(directory, file)) ? [] : [.. File.ReadLines(Path.Combine(directory, file)).Select(line => JsonNode.Parse(line)!.AsObject())];
}
