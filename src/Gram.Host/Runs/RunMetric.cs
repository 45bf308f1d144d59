using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.Host.Runs;

/// <summary>A figure of a run.</summary>
/// <param name="Name">Its name; parts of a result's objects are joined by dots.</param>
/// <param name="Value">A number, an estimate ({"mean","low","high"}), or a text such as NaN.</param>
internal sealed record RunMetric(string Name, JsonNode Value)
{
    /// <summary>Figures that say most of a run, by the names that results and logs give them, in the order of a list.</summary>
    private static readonly string[] Telling =
        ["benchmark", "overall", "gold.after", "gold", "win_rate.judge", "win_rate", "eval.accuracy", "eval/gold", "eval/win_rate_vs_initial", "eval_accuracy", "train_loss", "loss", "kl", "objective/kl", "objective/scores"];

    private const int MostTold = 3;

    /// <summary>As people read it.</summary>
    public string Text => Value is JsonObject estimate ? $"{Number(estimate["mean"]!)} [{Number(estimate["low"]!)}, {Number(estimate["high"]!)}]" : Number(Value);

    /// <summary>Without its interval.</summary>
    public string Mean => Number(Value is JsonObject estimate ? estimate["mean"]! : Value);

    /// <summary>The figures of what --json prints; tables of other things (bins, rows) are left out.</summary>
    public static IReadOnlyList<RunMetric> Of(JsonObject result) => [.. result.SelectMany(field => Parts(field.Key, field.Value))];

    /// <summary>Each figure of a log where it was logged last: evaluations have lines of their own.</summary>
    public static IReadOnlyList<RunMetric> OfLog(IReadOnlyList<JsonObject> log)
    {
        var last = new Dictionary<string, JsonNode>();
        foreach (var field in log.SelectMany(line => line)) if (field is { Key: not "step", Value: { } value }) last[field.Key] = value;
        return [.. last.Select(field => new RunMetric(field.Key, field.Value))];
    }

    /// <summary>The few that say most; of a list of figures (best-of-n's) the last.</summary>
    public static IReadOnlyList<RunMetric> Told(IReadOnlyList<RunMetric> metrics) =>
    [
        .. Telling.Select(name => metrics.LastOrDefault(metric => metric.Name == name || metric.Name.StartsWith($"{name}[", StringComparison.Ordinal))).OfType<RunMetric>().Take(MostTold),
    ];

    private static IEnumerable<RunMetric> Parts(string name, JsonNode? value) => value switch
    {
        JsonObject estimate when IsEstimate(estimate) => [new(name, estimate)],
        JsonObject fields => fields.SelectMany(field => Parts($"{name}.{field.Key}", field.Value)),
        JsonArray items when items.All(item => item?.GetValueKind() == JsonValueKind.Number || item is JsonObject estimate && IsEstimate(estimate)) => items.SelectMany((item, i) => Parts($"{name}[{i}]", item)),
        JsonValue figure when figure.GetValueKind() == JsonValueKind.Number || name == "benchmark" => [new(name, figure)],
        _ => [],
    };

    private static bool IsEstimate(JsonObject fields) => fields.ContainsKey("mean") && fields.ContainsKey("low") && fields.ContainsKey("high");

    private static string Number(JsonNode value) => value.GetValueKind() == JsonValueKind.Number ? value.GetValue<double>().ToString("0.####", CultureInfo.InvariantCulture) : value.ToString();
}
