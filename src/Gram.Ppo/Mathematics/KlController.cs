namespace Gram.Ppo.Mathematics;

/// <summary>
/// The KL term's weight β: fixed, or steered to a target (Ziegler et al., arXiv 1909.08593, §2.2):
/// β ← β·(1 + clip(KL/target − 1, ±0.2)·n/horizon).
/// </summary>
/// <param name="beta">β, or its start.</param>
/// <param name="target">KL in nats a response to steer to; null: β stays.</param>
/// <param name="horizon">Responses over which an error of 100 % would change β by its own size.</param>
public sealed class KlController(double beta, double? target, int horizon)
{
    /// <summary>β now; saved in checkpoints.</summary>
    public double Beta { get; set; } = beta;

    /// <summary>Takes in a step's KL (mean over n responses of Σ_t kl_t). NaN, whose step is skipped, leaves β as it is: it would stay NaN.</summary>
    public void Update(double kl, int responses)
    {
        if (target is not { } goal || double.IsNaN(kl)) return;
        Beta *= 1 + (Math.Clamp((kl / goal) - 1, -0.2, 0.2) * responses / horizon);
    }
}
