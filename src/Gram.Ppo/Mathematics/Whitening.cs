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
        var mean = Masked.Mean(values, mask);
        var variance = Masked.Variance(values, mask);
        if (variance.to(float64).item<double>() == 0) return Masked.Fill(values, mask).MoveToOuterDisposeScope();
        var whitened = (values - mean) * (variance + Epsilon).rsqrt();
        return Masked.Fill(shiftMean ? whitened : whitened + mean, mask).MoveToOuterDisposeScope();
    }
}
