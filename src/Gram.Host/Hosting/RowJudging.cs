using System.Text.Json.Nodes;
using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Host.Hosting;

/// <summary>Judges rows of pairs, by the label alone or with rationales, which the scored rows keep.</summary>
/// <param name="judge">The judge; not owned.</param>
internal sealed class RowJudging(OpenJudge judge)
{
    /// <summary>The rows' scores, and the rows with them.</summary>
    public async Task<IReadOnlyList<(PairScore Score, JsonObject Row)>> ScoreAsync(IReadOnlyList<PairRow> rows, CancellationToken cancellationToken)
    {
        AnswerPair[] pairs = [.. rows.Select(row => row.Pair(judge.Config.TurnFormat))];
        if (judge.Reasoning is not { } reasoning) return [.. rows.Zip(await judge.ScoreAsync(pairs, cancellationToken), (row, score) => (score, row.Scored(score)))];
        return [.. rows.Zip(await reasoning.JudgeAsync(pairs, cancellationToken), (row, verdict) =>
        {
            var fields = row.Scored(verdict.Score);
            fields[PairRow.RationalesField] = verdict.ToJson(judge.Config.Labels);
            return (verdict.Score, fields);
        })];
    }
}
