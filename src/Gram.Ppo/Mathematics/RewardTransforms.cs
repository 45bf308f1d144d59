namespace Gram.Ppo.Mathematics;

/// <summary>From a judge's score p in [0, 1] to a reward.</summary>
public static class RewardTransforms
{
    /// <summary>The reward of a score: 2p − 1, log p − log(1 − p) clipped to ±clip, or p.</summary>
    public static double Apply(RewardTransform transform, double p, double clip) => transform switch
    {
        RewardTransform.Centered => (2 * p) - 1,
        RewardTransform.Logit => Math.Clamp(Math.Log(p) - Math.Log(1 - p), -clip, clip),
        RewardTransform.Probability => p,
        _ => throw new ArgumentOutOfRangeException(nameof(transform)),
    };

    /// <summary>The reward of a tie, r(g, g): ReMax's baseline.</summary>
    public static double Tie(RewardTransform transform) => Apply(transform, 0.5, double.PositiveInfinity);
}
