namespace Gram.Reward.Judging;

/// <summary>Two answers to one question.</summary>
public sealed record AnswerPair(string Question, string AnswerA, string AnswerB);

/// <summary>What a judge thinks of a pair, from both orders.</summary>
/// <param name="PAb">Order 1 (A first): probability of answer A.</param>
/// <param name="PBa">Order 2 (B first): probability of answer A, there under the label "B".</param>
public readonly record struct PairScore(double PAb, double PBa)
{
    /// <summary>score(A) = ½·(P_AB("A") + P_BA("B")), in [0, 1].</summary>
    public double ScoreA => 0.5 * (PAb + PBa);
    /// <summary>1 − score(A).</summary>
    public double ScoreB => 1 - ScoreA;
    /// <summary>score(A) − score(B), in (−1, 1).</summary>
    public double Margin => ScoreA - ScoreB;
    /// <summary>|P_AB("A") − P_BA("B")|: the position bias of this pair.</summary>
    public double OrderDisagreement => Math.Abs(PAb - PBa);
    /// <summary>The same comparison with the answers' names exchanged.</summary>
    public PairScore Swapped() => new(1 - PBa, 1 - PAb);
    /// <summary>The score of an answer against itself: ½ without a model call.</summary>
    public static PairScore Tie => new(0.5, 0.5);
}

/// <summary>Judges pairs of texts. The only thing that PPO and best-of-n know of GRAM.</summary>
public interface IPairJudge
{
    /// <summary>Scores of the pairs, in their order. Equal answers get <see cref="PairScore.Tie"/> without a model call.</summary>
    ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default);
}
