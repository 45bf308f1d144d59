using System.Text.Json;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>A benchmark: how its files are read, and how verdicts become its figures (gram.md §6).</summary>
public abstract class Benchmark
{
    /// <summary>Names that <see cref="ByName"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["judgebench", "rm-bench", "reward-bench", "llmbar", "alpaca-eval", "pairs"];

    /// <summary>Its name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>A benchmark by name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="groupBy">Field by whose values one's own pairs are grouped; null = not at all.</param>
    /// <exception cref="GramException">The name is unknown.</exception>
    public static Benchmark ByName(string name, string? groupBy = null) => name switch
    {
        "judgebench" => new JudgeBench(),
        "rm-bench" => new RmBench(),
        "reward-bench" => new RewardBench(),
        "llmbar" => new LlmBar(),
        "alpaca-eval" => new AlpacaEval(),
        "pairs" => new OwnPairs(groupBy),
        _ => throw new GramException($"benchmark {name} is not known: name one of {string.Join(", ", Names)}"),
    };

    /// <summary>The items of a data set or of a file of scores, in order.</summary>
    /// <exception cref="GramException">A row is wrong; the message names file, row and field.</exception>
    public abstract IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset);

    /// <summary>What an item counts in each of the benchmark's measures.</summary>
    /// <param name="item">The item.</param>
    /// <param name="verdicts">A verdict for each of its comparisons.</param>
    internal virtual double[] Measures(BenchmarkItem item, IReadOnlyList<Verdict> verdicts) => [Share(verdicts[0].IsRight)];

    /// <summary>The figures that the means of the groups give; groups come in the order in which they first appear.</summary>
    internal abstract Figures Summarise(IReadOnlyList<GroupMean> groups);

    /// <summary>Groups that the whole benchmark has and these items lack.</summary>
    public virtual IReadOnlyList<string> Missing(IReadOnlyList<BenchmarkItem> items) => [];

    internal static double Share(bool counts) => counts ? 1 : 0;

    /// <summary>Mean of a measure over all items.</summary>
    internal static double Pooled(IReadOnlyList<GroupMean> groups, int measure = 0) =>
        groups.Sum(group => group.Means[measure] * group.Count) / groups.Sum(group => group.Count);

    /// <summary>A row of prompt, chosen and rejected, or of scores, or of both.</summary>
    internal static Comparison Ranked(JsonRow row, string prompt = "prompt")
    {
        var verdict = ScoreFields.Read(row);
        var pair = verdict is null || row.Fields.ContainsKey("chosen")
            ? new PairRow(row, prompt == "prompt" ? PromptFile.PromptOf(row) : new Prompt(row.Text(prompt)), row.Text("chosen"), row.Text("rejected"), true)
            : null;
        return new(row, pair, verdict);
    }

    /// <summary>A text of a row, or its number written out.</summary>
    internal static string Label(JsonRow row, string field) => row.Fields[field]?.GetValueKind() is JsonValueKind.Number ? row.Fields[field]!.ToJsonString() : row.Text(field);
}
