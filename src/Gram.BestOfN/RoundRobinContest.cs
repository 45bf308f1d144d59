namespace Gram.BestOfN;

/// <summary>Everybody meets everybody, in one round.</summary>
internal sealed class RoundRobinContest(string question, IReadOnlyList<string> answers, int row) : Contest(question, answers, row)
{
    /// <inheritdoc/>
    public override IEnumerable<Match> NextRound() => Comparisons.Count > 0
        ? []
        : Entrants.SelectMany((a, i) => Entrants.Skip(i + 1).Select(b => Meet(a, b)));

    /// <summary>By Bradley–Terry strength. After all have met, its order is that of the sums of scores, which are free of the fit's rounding.</summary>
    public override TournamentResult Result()
    {
        var index = Entrants.Select((entrant, i) => (entrant, i)).ToDictionary(pair => pair.entrant, pair => pair.i);
        var met = Comparisons.Select(comparison => (index[comparison.A], index[comparison.B], comparison.ScoreA)).ToList();
        var strengths = BradleyTerry.Fit(Entrants.Count, met);
        var sums = new double[Entrants.Count];
        foreach (var (a, b, score) in met)
        {
            sums[a] += score;
            sums[b] += 1 - score;
        }
        return Result(entrants => entrants.OrderByDescending(entrant => Math.Round(sums[index[entrant]], 12))) with { Strengths = OfAll(entrant => strengths[index[entrant]]) };
    }
}
