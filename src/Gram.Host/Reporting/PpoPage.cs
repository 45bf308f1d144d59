using System.Text.Json.Nodes;
using System.Xml.Linq;
using Gram.Host.Commands;
using Gram.Ppo;

namespace Gram.Host.Reporting;

/// <summary>What a PPO run's report shows: results, curves, answers before and after, the last samples, metrics.</summary>
internal static class PpoPage
{
    private const int LastSamples = 12;

    /// <summary>Metrics that belong into one picture.</summary>
    private static readonly (string Title, string Unit, string[] Metrics)[] Pictures =
    [
        ("Win rate and gold score", "share", ["eval/win_rate_vs_initial", "eval/gold", "eval/gold_sampled", "gram/win_rate"]),
        ("Reward", "reward a response", ["objective/scores", "objective/rlhf_reward"]),
        ("KL from the reference", "nats a response", ["objective/kl"]),
        ("Held-out samples' KL from the reference", "nats a response", ["eval/kl"]),
        ("Held-out samples' perplexity under the reference", "perplexity", ["eval/reference_perplexity"]),
        ("Length of a response", "tokens", ["tokens/response_len_mean"]),
        ("Distinct-2 of a step's samples", "different pairs of words ÷ all", ["gram/distinct_2"]),
        ("Entropy", "nats a token", ["policy/entropy_avg"]),
        ("Policy loss", "loss a token", ["loss/policy_avg"]),
        ("Value loss", "loss a token", ["loss/value_avg"]),
        ("Variance explained by the value model", "share", ["val/var_explained"]),
        ("Clipped tokens", "share", ["policy/clipfrac_avg", "val/clipfrac_avg"]),
        ("Gradient norm", "before clipping", ["grad_norm"]),
        ("Order disagreement, markers, truncated answers", "share", ["gram/order_disagreement", "gram/marker_rate", "tokens/truncated_rate"]),
        ("Time of a step", "seconds", ["time/generate", "time/judge", "time/score", "time/update"]),
    ];

    /// <summary>What there is to say of a run without a result.</summary>
    private static readonly (string Name, string Metric)[] Measures =
    [
        ("gold score, at the last evaluation", "eval/gold"),
        ("win rate against the initial policy, by the judge, at the last evaluation", "eval/win_rate_vs_initial"),
        ("KL from the reference, nats a response", "objective/kl"),
    ];

    /// <summary>Its sections.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="log">Its metrics.</param>
    /// <param name="result">What it came to; null where it was stopped.</param>
    public static IEnumerable<XElement?> Sections(string folder, RunLog log, PpoResult? result)
    {
        var samples = Samples(Path.Combine(folder, "samples.jsonl"), result?.Steps ?? int.MaxValue);
        yield return Html.Section("Results", Html.Table("results", [], result is null ? log.Lasts(Measures) : Results(result)));
        yield return log.Curves(Pictures);
        yield return result is not { Examples.Count: > 0 } ? null : Html.Section("Before and after", Html.Table("examples", ["prompt", "initial policy", "trained policy"], result.Examples.Select(example => new[] { example.Question, example.Before, example.After })));
        yield return samples.Count == 0 ? null : Html.Section("Last samples", Html.Table("samples", ["step", "prompt", "sample", "judged against", "score", "reward", "KL"], samples.Select(Sample)));
        yield return log.Metrics();
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
        yield return ["KL from the reference, nats a response", Html.Number(result.Kl)];
        yield return ["steps", $"{result.Steps}"];
        yield return ["seconds (of the last process)", Html.Number(Math.Round(result.Seconds, 1))];
    }

    /// <summary>The last lines of samples.jsonl up to the step that the model is of; none where the run was stopped before its first step.</summary>
    private static IReadOnlyList<JsonObject> Samples(string file, int step) => File.Exists(file) ? [.. File.ReadLines(file).Select(line => JsonNode.Parse(line)!.AsObject()).Where(row => (int)row["step"]! <= step).TakeLast(LastSamples)] : [];

    private static string[] Sample(JsonObject row) =>
    [
        $"{row["step"]}", $"{row["prompt"]}", $"{row["response"]}", $"{row["reference"]}",
        .. ((string[])["score", "reward", "kl"]).Select(name => Html.Number(RunLog.Value(row, name) ?? double.NaN)),
    ];
}
