using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Mathematics;

/// <summary>Whitening over all valid tokens of a rollout (TRL's masked_whiten).</summary>
public static class Whitening
{
    private const double Epsilon = 1e-8;

    /// <summary>
    /// (x − mean) / √(var + 1e-8), variance with Bessel's correction; 0 outside the mask. With fewer than two valid tokens,
    /// or no variance, values are left as they are.
    /// </summary>
    /// <param name="values">[rows, tokens] float.</param>
    /// <param name="mask">[rows, tokens] bool.</param>
    /// <param name="shiftMean">Whether the mean moves to 0; otherwise it is added back.</param>
    public static Tensor Whiten(Tensor values, Tensor mask, bool shiftMean = true)
    {
        using var scope = NewDisposeScope();
        if (mask.sum().item<long>() < 2) return Masked.Fill(values, mask).MoveToOuterDisposeScope();
        // In float64, where the mean of equal float32 values is that value: in float32 their variance is rounding, not 0.
        var exact = values.to(float64);
        var (mean, variance) = (Masked.Mean(exact, mask), Masked.Variance(exact, mask));
        if (variance.item<double>() == 0) return Masked.Fill(values, mask).MoveToOuterDisposeScope();
        var whitened = (exact - mean) * (variance + Epsilon).rsqrt();
        return Masked.Fill(shiftMean ? whitened : whitened + mean, mask).to(values.dtype).MoveToOuterDisposeScope();
    }
}
