using Gram.Reward.Judging;

namespace Gram.Reward.Benchmarks;

/// <summary>What a judge, or a file of its scores, says of a comparison whose better answer is known.</summary>
/// <param name="Chosen">Score of the better answer.</param>
/// <param name="Rejected">Score of the other.</param>
/// <param name="PAb">Probability of the better answer where it stands first; null where the orders are not known.</param>
/// <param name="PBa">The same where it stands second.</param>
public readonly record struct Verdict(double Chosen, double Rejected, double? PAb = null, double? PBa = null)
{
    private const double SumTolerance = 1e-3;

    /// <summary>Whether the better answer scores higher; a tie is wrong (gram.md §6).</summary>
    public bool IsRight => Chosen > Rejected;

    /// <summary>Whether the answers score the same.</summary>
    public bool IsTie => Chosen == Rejected;

    /// <summary>|P_AB − P_BA|; null where the orders are not known.</summary>
    public double? OrderDisagreement => Math.Abs((PAb - PBa) ?? double.NaN) is var gap && double.IsNaN(gap) ? null : gap;

    /// <summary>Whether the scores are probabilities of the two answers, and not rewards on a scale of their own.</summary>
    internal bool IsProbability => Chosen is >= 0 and <= 1 && Math.Abs(Chosen + Rejected - 1) <= SumTolerance;

    /// <summary>Of a pair whose answer A is the better one.</summary>
    public static Verdict Of(PairScore score) => new(score.ScoreA, score.ScoreB, score.PAb, score.PBa);

    /// <summary>Of probabilities of the better answer in both orders.</summary>
    public static Verdict Of(double pAb, double pBa) => Of(new PairScore(pAb, pBa));

    /// <summary>The same with the other answer as the better one.</summary>
    public Verdict Swapped() => new(Rejected, Chosen, 1 - PBa, 1 - PAb);
}
