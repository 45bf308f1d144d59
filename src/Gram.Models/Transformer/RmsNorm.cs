using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Root-mean-square norm, x · rsqrt(mean(x²) + eps) · weight (Zhang and Sennrich 2019), as Hugging Face computes it: in float32, narrowed before the weight.</summary>
internal readonly record struct RmsNorm(Tensor Weight, double Epsilon)
{
    /// <summary>x [..., width] to the same shape. Composed: forward and backward together beat aten::rms_norm on a CPU.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var wide = x.to(ScalarType.Float32);
        var scale = wide.square().mean([-1], keepdim: true).add(Epsilon).rsqrt(); // [..., 1]
        return (wide.mul(scale).to(x.dtype) * Weight).MoveToOuterDisposeScope();
    }
}
