using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Mathematics;

/// <summary>The policy's loss, and what its metrics are made of.</summary>
/// <param name="Loss">Scalar with its graph.</param>
/// <param name="Ratio">[rows, tokens] ρ = π/π_old; 1 outside the mask.</param>
/// <param name="Clipped">[rows, tokens] bool, true where the clipped term won.</param>
public sealed record PolicyLoss(Tensor Loss, Tensor Ratio, Tensor Clipped);

/// <summary>The value model's loss, and what its metrics are made of.</summary>
/// <param name="Loss">Scalar with its graph, ½ included, coefficient not.</param>
/// <param name="Clipped">[rows, tokens] bool, true where the clipped term won.</param>
public sealed record ValueLoss(Tensor Loss, Tensor Clipped);

/// <summary>
/// PPO's clipped losses (Schulman et al., arXiv 1707.06347; TRL 0.11's <c>loss</c>). A token mean divides by the number of valid
/// tokens of the whole mini-batch, which the caller gives, so that losses of micro-batches add up.
/// </summary>
public static class PpoLoss
{
    /// <summary>Token mean of max(−A·ρ, −A·clip(ρ, 1 ± cliprange)).</summary>
    /// <param name="logProbs">[rows, tokens] log π, with graph.</param>
    /// <param name="oldLogProbs">[rows, tokens] log π_old.</param>
    /// <param name="advantages">[rows, tokens].</param>
    /// <param name="mask">[rows, tokens] bool, true where a token counts.</param>
    /// <param name="cliprange">Clip range of the ratio.</param>
    /// <param name="totalTokens">Valid tokens of the mini-batch.</param>
    public static PolicyLoss Policy(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, Tensor mask, double cliprange, long totalTokens)
    {
        using var scope = NewDisposeScope();
        var ratio = Masked.Fill(logProbs - oldLogProbs, mask).exp();
        var unclipped = -advantages * ratio;
        var clipped = -advantages * ratio.clamp(1 - cliprange, 1 + cliprange);
        var loss = Masked.Sum(maximum(unclipped, clipped), mask) / totalTokens;
        return new PolicyLoss(
            loss.MoveToOuterDisposeScope(),
            ratio.detach().MoveToOuterDisposeScope(),
            (clipped > unclipped).logical_and(mask).MoveToOuterDisposeScope());
    }

    /// <summary>½·token mean of max((V − R)², (clip(V, V_old ± cliprange) − R)²).</summary>
    /// <param name="values">[rows, tokens] V, with graph.</param>
    /// <param name="oldValues">[rows, tokens] V at the time of the rollout.</param>
    /// <param name="returns">[rows, tokens] R.</param>
    /// <param name="mask">[rows, tokens] bool, true where a token counts.</param>
    /// <param name="cliprange">Clip range of the value's change.</param>
    /// <param name="totalTokens">Valid tokens of the mini-batch.</param>
    public static ValueLoss Value(Tensor values, Tensor oldValues, Tensor returns, Tensor mask, double cliprange, long totalTokens)
    {
        using var scope = NewDisposeScope();
        var unclipped = (values - returns).square();
        var clipped = (values.clamp(oldValues - cliprange, oldValues + cliprange) - returns).square();
        var loss = 0.5 * Masked.Sum(maximum(unclipped, clipped), mask) / totalTokens;
        return new ValueLoss(loss.MoveToOuterDisposeScope(), (clipped > unclipped).logical_and(mask).MoveToOuterDisposeScope());
    }

    /// <summary>kl_in: loss. Token mean of e^Δ − 1 − Δ with Δ = log π_ref − log π, gradient through π.</summary>
    /// <param name="logProbs">[rows, tokens] log π, with graph.</param>
    /// <param name="refLogProbs">[rows, tokens] log π_ref.</param>
    /// <param name="mask">[rows, tokens] bool, true where a token counts.</param>
    /// <param name="totalTokens">Valid tokens of the mini-batch.</param>
    public static Tensor Kl(Tensor logProbs, Tensor refLogProbs, Tensor mask, long totalTokens)
    {
        using var scope = NewDisposeScope();
        var delta = Masked.Fill(refLogProbs - logProbs, mask);
        return ((delta.exp() - 1 - delta).sum() / totalTokens).MoveToOuterDisposeScope();
    }
}
