using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>
/// AlpacaEval: the win rate of output_2 over the baseline's output_1, mean(preference − 1), from its annotation files or with
/// a judge as the annotator, whose preference is 1 + score(output_2). Annotated pairs (chosen, rejected) are measured by
/// agreement with their annotator.
/// </summary>
public sealed class AlpacaEval : Benchmark
{
    private const string WinRate = "win rate", AnnotatorAgreement = "agreement";

    /// <summary>Preferences of a draw: 1.5, and 0 in older files.</summary>
    private const double Draw = 1.5, OldDraw = 0;

    /// <inheritdoc/>
    public override string Name => "alpaca-eval";

    /// <inheritdoc/>
    public override IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset) =>
        [.. JsonRows.Read(dataset.File).Where(IsAnnotated).Select(row => IsPair(row) ? new BenchmarkItem(AnnotatorAgreement, [Ranked(row)]) : new BenchmarkItem(WinRate, [AgainstBaseline(row)]))];

    internal override double[] Measures(BenchmarkItem item, IReadOnlyList<Verdict> verdicts)
    {
        var discrete = verdicts[0].IsTie ? 0.5 : Share(verdicts[0].IsRight);
        return item.Group == WinRate ? [verdicts[0].Chosen, discrete] : [Share(verdicts[0].IsRight), discrete];
    }

    internal override Figures Summarise(IReadOnlyList<GroupMean> groups)
    {
        var figures = groups.SelectMany(group => group.Group == WinRate
            ? [new Figure(WinRate, group.Means[0], group.Count), new Figure("discrete win rate", group.Means[1], group.Count)]
            : new[] { new Figure(group.Group, group.Means[0], group.Count) });
        return new([.. figures], Pooled(groups), Pooled(groups));
    }

    private static bool IsPair(JsonRow row) => row.Fields.ContainsKey("chosen") || (row.Fields.ContainsKey("score_chosen") && !row.Fields.ContainsKey("output_2"));

    /// <summary>Whether the annotator came to a preference: AlpacaEval leaves rows out where it is null.</summary>
    private static bool IsAnnotated(JsonRow row) => !row.Fields.ContainsKey("preference") || row.Fields["preference"] is not null;

    private static Comparison AgainstBaseline(JsonRow row)
    {
        var verdict = ScoreFields.Read(row) ?? (row.Fields.ContainsKey("preference") ? Preference(row) : null);
        var texts = verdict is null || row.Fields.ContainsKey("output_2");
        return new(row, texts ? new(row, new Prompt(row.Text("instruction")), row.Text("output_2"), row.Text("output_1"), true) : null, verdict) { HasTruth = false };
    }

    private static Verdict? Preference(JsonRow row)
    {
        var preference = ScoreFields.Number(row, "preference");
        if (preference == OldDraw) preference = Draw;
        return preference is >= 1 and <= 2 ? new Verdict(preference - 1, 2 - preference) : throw row.Error("preference", "must lie between 1 (the baseline's output) and 2 (the model's), or be null");
    }
}
