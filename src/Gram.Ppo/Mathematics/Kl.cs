using static TorchSharp.torch;

namespace Gram.Ppo.Mathematics;

/// <summary>Estimates per token of KL(π ‖ π_ref) from tokens drawn from π (Schulman, "Approximating KL divergence", 2020).</summary>
public static class Kl
{
    /// <summary>k1 = log π − log π_ref: unbiased, of either sign.</summary>
    /// <param name="logProbs">[rows, tokens] log π of the drawn tokens.</param>
    /// <param name="refLogProbs">[rows, tokens] log π_ref of the same tokens.</param>
    public static Tensor K1(Tensor logProbs, Tensor refLogProbs) => logProbs - refLogProbs;

    /// <summary>k3 = e^{−d} − 1 + d with d = log π − log π_ref: unbiased, never negative.</summary>
    /// <param name="logProbs">[rows, tokens] log π of the drawn tokens.</param>
    /// <param name="refLogProbs">[rows, tokens] log π_ref of the same tokens.</param>
    public static Tensor K3(Tensor logProbs, Tensor refLogProbs)
    {
        using var d = logProbs - refLogProbs;
        using var negative = -d;
        using var ratioMinusOne = negative.expm1();
        return ratioMinusOne + d;
    }
}
