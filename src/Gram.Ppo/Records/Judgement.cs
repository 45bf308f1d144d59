using Gram.Reward.Judging;

namespace Gram.Ppo.Records;

/// <summary>A judged text.</summary>
/// <param name="Text">The response as the judge reads it.</param>
/// <param name="Reference">What it was judged against; in a round robin the first of the others.</param>
/// <param name="Pair">The judge's score of the response (A) against the reference (B), both orders; in a round robin the mean over the others.</param>
/// <param name="Marker">Whether the text imitates the judge prompt's markers.</param>
/// <param name="Score">p in [0, 1] as rewarded: the judge's, or 0 for a marker under marker_penalty.</param>
public sealed record Verdict(string Text, string Reference, PairScore Pair, bool Marker, double Score)
{
    /// <summary>1 where the text beats the reference, ½ in a tie, 0 otherwise.</summary>
    public double Win => Estimate.Win(Score, 0.5);
}

/// <summary>What judging adds to a rollout.</summary>
/// <param name="Rollout">The responses.</param>
/// <param name="Verdicts">One for each row.</param>
/// <param name="JudgedPairs">Pairs that went to the judge; equal texts do not.</param>
public sealed record Judgement(Rollout Rollout, IReadOnlyList<Verdict> Verdicts, int JudgedPairs)
{
    /// <summary>Seconds from asking the judge until it answered.</summary>
    public double Seconds { get; init; }

    /// <summary>The reward's other terms; empty where the judge is alone.</summary>
    public IReadOnlyList<TermRewards> Terms { get; init; } = [];
}
