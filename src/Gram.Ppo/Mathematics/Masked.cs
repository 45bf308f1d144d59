using static TorchSharp.torch;

namespace Gram.Ppo.Mathematics;

/// <summary>Statistics over valid positions. Whatever stands outside the mask, NaN included, has no influence.</summary>
public static class Masked
{
    /// <summary>The values with 0 outside the mask.</summary>
    /// <param name="values">[rows, tokens] float.</param>
    /// <param name="mask">[rows, tokens] bool.</param>
    public static Tensor Fill(Tensor values, Tensor mask) => where(mask, values, zeros_like(values));

    /// <summary>Sum over valid positions, a scalar.</summary>
    public static Tensor Sum(Tensor values, Tensor mask) => Fill(values, mask).sum();

    /// <summary>Mean over valid positions, a scalar.</summary>
    public static Tensor Mean(Tensor values, Tensor mask) => Sum(values, mask) / mask.sum();

    /// <summary>Variance over valid positions with Bessel's correction, a scalar.</summary>
    public static Tensor Variance(Tensor values, Tensor mask) => Sum((values - Mean(values, mask)).square(), mask) / (mask.sum() - 1);
}
