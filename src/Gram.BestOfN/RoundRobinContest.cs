namespace Gram.BestOfN;

/// <summary>Everybody meets everybody, in one round.</summary>
internal sealed class RoundRobinContest(string question, IReadOnlyList<string> answers, int row) : Contest(question, answers, row)
{
    /// <inheritdoc/>
    public override IEnumerable<Match> NextRound() => Comparisons.Count > 0
        ? []
        : Entrants.SelectMany((a, i) => Entrants.Skip(i + 1).Select(b => Meet(a, b)));

    /// <summary>By Bradley–Terry strength.</summary>
    public override TournamentResult Result()
    {
        var strengths = BradleyTerry.Fit(Entrants.Count, [.. Comparisons.Select(comparison => (Number[comparison.A], Number[comparison.B], comparison.ScoreA))]);
        return Result(entrants => entrants.OrderByDescending(entrant => Rounded(strengths[Number[entrant]]))) with { Strengths = OfAll(i => strengths[i]) };
    }
}
