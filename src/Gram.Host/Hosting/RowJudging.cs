using System.Text.Json.Nodes;
using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Host.Hosting;

/// <summary>Judges rows of pairs, by the label alone or with rationales, which the scored rows keep.</summary>
/// <param name="judge">The judge; not owned.</param>
/// <param name="reasoning">The same judge where it reasons first, or null.</param>
internal sealed class RowJudging(GramJudge judge, RationaleJudge? reasoning)
{
    /// <summary>Whether the pair can be judged at all: answers are shortened to fit, a question is not.</summary>
    public bool Fits(AnswerPair pair) => reasoning?.Fits(pair) ?? judge.Fits(pair);

    /// <summary>The rows' scores, and the rows with them.</summary>
    public async Task<IReadOnlyList<(PairScore Score, JsonObject Row)>> ScoreAsync(IReadOnlyList<PairRow> rows, CancellationToken cancellationToken)
    {
        AnswerPair[] pairs = [.. rows.Select(row => row.Pair(judge.Config.TurnFormat))];
        if (reasoning is null) return [.. rows.Zip(await judge.ScoreAsync(pairs, cancellationToken), (row, score) => (score, row.Scored(score)))];
        return [.. rows.Zip(await reasoning.JudgeAsync(pairs, cancellationToken), (row, verdict) =>
        {
            var fields = row.Scored(verdict.Score);
            fields[PairRow.RationalesField] = verdict.ToJson(judge.Config.Labels);
            return (verdict.Score, fields);
        })];
    }
}
