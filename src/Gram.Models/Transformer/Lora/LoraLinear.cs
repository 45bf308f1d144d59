using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Transformer.Lora;

/// <summary>The low-rank addition to one linear layer: W + Scale · B · A (Hu et al. 2021). In float32 whatever the base computes in, as in PEFT.</summary>
/// <param name="A">[rank, in] float32.</param>
/// <param name="B">[out, rank] float32.</param>
/// <param name="Scale">alpha / rank, or alpha / √rank.</param>
public sealed record LoraLinear(Tensor A, Tensor B, double Scale)
{
    /// <summary>What is added to the layer's output, [..., out] float32.</summary>
    /// <param name="x">[..., in] float32.</param>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return F.linear(F.linear(x, A) * Scale, B).MoveToOuterDisposeScope();
    }

    /// <summary>A weight [out, in] with the addition, in its own dtype; rounded once.</summary>
    public Tensor Merge(Tensor weight)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return (weight.to(ScalarType.Float32) + B.mm(A) * Scale).to(weight.dtype).MoveToOuterDisposeScope();
    }
}
