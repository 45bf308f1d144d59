using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>The loser of a comparison leaves.</summary>
/// <param name="question">The question.</param>
/// <param name="answers">Its answers.</param>
/// <param name="row">The item's number, for messages.</param>
/// <param name="pairsInRound">How many pairs of neighbours, from the front, meet in a round with this many answers still in.</param>
internal sealed class EliminationContest(string question, IReadOnlyList<string> answers, int row, Func<int, int> pairsInRound) : Contest(question, answers, row)
{
    private List<int>? remaining;

    private List<int> Remaining => remaining ??= [.. Entrants];

    /// <inheritdoc/>
    public override IEnumerable<Match> NextRound() =>
        Remaining.Chunk(2).Take(pairsInRound(Remaining.Count)).Where(pair => pair.Length == 2).Select(pair => Meet(pair[0], pair[1]));

    /// <summary>The earlier answer keeps a tie: neighbours stand in the order of their indices.</summary>
    protected override void Learn(int a, int b, PairScore score) => Remaining.Remove(score.ScoreA >= 0.5 ? b : a);

    /// <summary>By the round of defeat, latest first, then by the score in that comparison.</summary>
    public override TournamentResult Result()
    {
        var defeats = Comparisons.ToDictionary(
            comparison => comparison.ScoreA >= 0.5 ? comparison.B : comparison.A,
            comparison => (comparison.Round, Score: Math.Min(comparison.ScoreA, 1 - comparison.ScoreA)));
        var undefeated = (Round: int.MaxValue, Score: 1.0);
        return Result(entrants => entrants
            .OrderByDescending(entrant => defeats.GetValueOrDefault(entrant, undefeated).Round)
            .ThenByDescending(entrant => defeats.GetValueOrDefault(entrant, undefeated).Score));
    }
}
