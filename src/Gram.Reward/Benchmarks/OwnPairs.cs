using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>One's own pairs: any ranking set, or a file of scored pairs.</summary>
/// <param name="groupBy">Field by whose values they are grouped; null = not at all.</param>
public sealed class OwnPairs(string? groupBy = null) : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "pairs";

    /// <inheritdoc/>
    public override IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset) =>
        [.. JsonRows.Read(dataset.File).Select(row => new BenchmarkItem(groupBy is null ? "" : Label(row, groupBy), [ComparisonOf(dataset, row)]))];

    internal override Figures Summarise(IReadOnlyList<GroupMean> groups)
    {
        Figure[] figures = [.. groups.Where(_ => groupBy is not null).Select(group => new Figure(group.Group, group.Means[0], group.Count))];
        var overall = Pooled(groups);
        return new(figures, figures.Length > 0 ? figures.Average(figure => figure.Value) : overall, overall);
    }

    private static Comparison ComparisonOf(DatasetInfo dataset, JsonRow row)
    {
        var verdict = ScoreFields.Read(row);
        if (verdict is not null && !row.Fields.ContainsKey(dataset.Columns.Chosen ?? "chosen")) return new(row, null, verdict);
        return DatasetReader.Convert(dataset with { Ranking = true }, row) is { Prompt: { } prompt, Responses: [var chosen, var rejected] }
            ? new(row, new(row, prompt, chosen, rejected, true), verdict)
            : throw row.Error("chosen", "and rejected cannot be read as two answers to one prompt: roles are out of order, or an answer is null");
    }
}
