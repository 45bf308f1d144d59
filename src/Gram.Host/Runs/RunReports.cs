using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Training.Configuration;
using Gram.Training.Runs;

namespace Gram.Host.Runs;

/// <summary>Runs as tables and as JSON.</summary>
internal static class RunReports
{
    private const string Nothing = "–", FolderKey = "output_dir";

    /// <summary>One line a run.</summary>
    public static string List(IReadOnlyList<RunFolder> runs) => TextTable.Of(
    [
        ["run", "command", "when", "state", "steps", "model", "results"],
        .. runs.Select(run => (string[])
        [
            run.Path, run.Command, run.When.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture), State(run), run.Steps?.ToString(CultureInfo.InvariantCulture) ?? Nothing, run.Model,
            string.Join("  ", RunMetric.Told(run.Metrics).Select(metric => $"{metric.Name} {metric.Mean}")),
        ]),
    ]);

    /// <summary>A column a run: what it was, settings that differ, and all results.</summary>
    public static string Compare(IReadOnlyList<RunFolder> runs)
    {
        List<string[]> rows =
        [
            ["", .. runs.Select(run => run.Path)],
            ["command", .. runs.Select(run => run.Command)],
            ["state", .. runs.Select(State)],
            ["steps", .. runs.Select(run => run.Steps?.ToString(CultureInfo.InvariantCulture) ?? Nothing)],
        ];
        var different = Differences(runs);
        rows.Add([.. Enumerable.Repeat("", runs.Count + 1)]);
        rows.AddRange(different.Select(setting => (string[])[setting.Key, .. setting.Values.Select(value => value ?? Nothing)]));
        if (different.Count > 0) rows.Add([.. Enumerable.Repeat("", runs.Count + 1)]);
        rows.AddRange(Metrics(runs).Select(metric => (string[])[metric.Name, .. metric.Values.Select(value => value?.Text ?? Nothing)]));
        return TextTable.Of(rows);
    }

    /// <summary>Runs with all that is known of them.</summary>
    public static JsonObject Json(IReadOnlyList<RunFolder> runs) => new() { ["runs"] = new JsonArray([.. runs.Select(Json)]) };

    /// <summary>The same, and what differs, in the runs' order.</summary>
    public static JsonObject JsonOfComparison(IReadOnlyList<RunFolder> runs)
    {
        var json = Json(runs);
        json["settings"] = new JsonObject(Differences(runs).Select(setting => KeyValuePair.Create(setting.Key, (JsonNode?)new JsonArray([.. setting.Values.Select(value => JsonValue.Create(value))]))));
        json["metrics"] = new JsonObject(Metrics(runs).Select(metric => KeyValuePair.Create(metric.Name, (JsonNode?)new JsonArray([.. metric.Values.Select(value => value?.Value.DeepClone())]))));
        return json;
    }

    private static JsonObject Json(RunFolder run) => new()
    {
        ["run"] = run.Path,
        ["command"] = run.Command,
        ["when"] = run.When.ToString("O", CultureInfo.InvariantCulture),
        ["state"] = State(run),
        ["steps"] = run.Steps,
        ["model"] = run.Model,
        ["metrics"] = new JsonObject(run.Metrics.Select(metric => KeyValuePair.Create(metric.Name, (JsonNode?)metric.Value.DeepClone()))),
    };

    /// <summary>Settings that are not the same in all runs; null where a run's command has no such key.</summary>
    private static List<(string Key, IReadOnlyList<string?> Values)> Differences(IReadOnlyList<RunFolder> runs) =>
    [
        .. from key in runs.SelectMany(run => run.Config.Keys).Distinct()
           where key != FolderKey
           let values = runs.Select(run => run.Config.GetValueOrDefault(key)).ToList()
           where values.Distinct().Count() > 1
           select (key, (IReadOnlyList<string?>)values),
    ];

    private static IEnumerable<(string Name, IReadOnlyList<RunMetric?> Values)> Metrics(IReadOnlyList<RunFolder> runs) =>
        from name in runs.SelectMany(run => run.Metrics).Select(metric => metric.Name).Distinct()
        select (name, (IReadOnlyList<RunMetric?>)[.. runs.Select(run => run.Metrics.FirstOrDefault(metric => metric.Name == name))]);

    private static string State(RunFolder run) => OptionValue.SnakeCase(run.State.ToString());
}
