using Gram.Models;

namespace Gram.Reward.Judging;

/// <summary>What is asked of any judge, a user's own included.</summary>
public static class PairJudgeExtensions
{
    /// <summary>Scores of the pairs, in their order: one finite one for each.</summary>
    /// <param name="judge">The judge.</param>
    /// <param name="pairs">The pairs; of none it is not asked.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GramException">The judge gave another number of scores, or one that is not finite.</exception>
    public static async ValueTask<IReadOnlyList<PairScore>> ScoreEachAsync(this IPairJudge judge, IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(judge);
        ArgumentNullException.ThrowIfNull(pairs);
        if (pairs.Count == 0) return [];
        var scores = await judge.ScoreAsync(pairs, cancellationToken).ConfigureAwait(false); // what follows needs no thread of the caller's
        if (scores.Count != pairs.Count) throw new GramException($"the judge gave {scores.Count} scores for {pairs.Count} pairs: it must give one for each");
        if (Enumerable.Range(0, scores.Count).FirstOrDefault(i => !double.IsFinite(scores[i].ScoreA), -1) is >= 0 and var bad) throw new GramException($"the judge gave {scores[bad].ScoreA} for pair {bad + 1} of {pairs.Count}: a score must be finite");
        return scores;
    }
}
