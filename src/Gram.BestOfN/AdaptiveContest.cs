using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>
/// One pair a round: the one that tells most about whether the leader or its closest rival is better; until the leader is the best
/// with the confidence that is asked for and all others have lost to somebody, or all have met.
/// </summary>
internal sealed class AdaptiveContest : Contest
{
    // Log-odds of a judge beyond these are no better known than these.
    private const double LargestLogOdds = 6;

    // What remains where both orders agree, in squared log-odds: no judge's scores obey one strength an answer.
    private const double LeastNoise = 0.25;

    private readonly double confidence;
    private readonly StrengthPosterior posterior;
    private readonly HashSet<(int, int)> met = [];
    private readonly HashSet<int> beaten = [];
    private double noise; // of all comparisons so far

    public AdaptiveContest(string question, IReadOnlyList<string> answers, int row, double confidence) : base(question, answers, row)
    {
        this.confidence = confidence;
        posterior = new(Entrants.Count);
    }

    /// <summary>The strongest of those that lost to nobody; of all, where everybody lost.</summary>
    private int Leader => Strongest(beaten.Count < Entrants.Count ? Unbeaten() : Everybody());

    /// <inheritdoc/>
    public override IEnumerable<Match> NextRound()
    {
        var leader = Leader;
        var sure = posterior.ProbabilityBest(leader) >= confidence;
        // Once it is sure, those that lost to nobody yet meet the leader: under a judge without cycles the one that is left is the best.
        (int A, int B)[] open = [.. Pairs().Where(pair => !met.Contains(pair) && (!sure || (IsUnbeaten(pair.A) && IsUnbeaten(pair.B) && (pair.A == leader || pair.B == leader))))];
        if (open.Length == 0) return [];
        var rival = Everybody().Where(i => i != leader).MaxBy(i => Rounded(posterior.ProbabilityAbove(i, leader)));
        var expected = met.Count == 0 ? LeastNoise : noise / met.Count;
        var (a, b) = open.MaxBy(pair => Rounded(posterior.Reduction(pair.A, pair.B, leader, rival, expected)));
        return [Meet(Entrants[a], Entrants[b])];
    }

    /// <summary>The two orders are two observations of one difference: their mean counts, and its noise is what they disagree by.</summary>
    protected override void Learn(int a, int b, PairScore score)
    {
        var (forward, backward) = (LogOdds(score.PAb), LogOdds(score.PBa));
        var variance = LeastNoise + ((forward - backward) * (forward - backward) / 4);
        posterior.Observe(Number[a], Number[b], (forward + backward) / 2, variance);
        met.Add((Number[a], Number[b]));
        noise += variance;
        if (score.ScoreA != score.ScoreB) beaten.Add(Number[score.ScoreA > score.ScoreB ? b : a]);
    }

    /// <summary>The leader, then by expected strength.</summary>
    public override TournamentResult Result()
    {
        var (leader, mean) = (Leader, posterior.Mean);
        return Result(entrants => entrants.OrderByDescending(entrant => Number[entrant] == leader).ThenByDescending(entrant => Rounded(mean[Number[entrant]]))) with
        {
            Strengths = OfAll(i => mean[i]),
            Confidence = posterior.ProbabilityBest(leader),
        };
    }

    private IEnumerable<int> Everybody() => Enumerable.Range(0, Entrants.Count);

    private IEnumerable<int> Unbeaten() => Everybody().Where(IsUnbeaten);

    private bool IsUnbeaten(int i) => !beaten.Contains(i);

    private IEnumerable<(int A, int B)> Pairs() => Enumerable.Range(0, Entrants.Count).SelectMany(a => Enumerable.Range(a + 1, Entrants.Count - a - 1).Select(b => (A: a, B: b)));

    private static double LogOdds(double p) => Math.Clamp(Math.Log(p / (1 - p)), -LargestLogOdds, LargestLogOdds);

    /// <summary>The earliest of the strongest.</summary>
    private int Strongest(IEnumerable<int> candidates)
    {
        var mean = posterior.Mean;
        return candidates.MaxBy(i => Rounded(mean[i]));
    }
}
