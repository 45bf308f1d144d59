using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Reward.Training;

/// <summary>Next-token loss on target tokens only (stage 1).</summary>
public static class SftLoss
{
    /// <summary>Sum of the cross-entropies, in float32.</summary>
    /// <param name="logits">[n, vocabulary] logits where a target is predicted.</param>
    /// <param name="targets">[n] int64 target ids.</param>
    public static Tensor Sum(Tensor logits, Tensor targets)
    {
        using var wide = logits.to(ScalarType.Float32);
        return F.cross_entropy(wide, targets, reduction: nn.Reduction.Sum);
    }
}
