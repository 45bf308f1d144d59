using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Reward.Baselines;

/// <summary>The loss of a discriminative reward model. Source: Bradley and Terry 1952; Ouyang et al. 2022, equation 1.</summary>
public static class BradleyTerryLoss
{
    /// <summary>−log σ(r_chosen − r_rejected) of each pair.</summary>
    /// <param name="chosen">[n] float32 rewards of the better answers.</param>
    /// <param name="rejected">[n] float32 rewards of the others.</param>
    /// <returns>[n] losses.</returns>
    public static Tensor PerPair(Tensor chosen, Tensor rejected)
    {
        using var scope = NewDisposeScope();
        return F.softplus(rejected - chosen).MoveToOuterDisposeScope();
    }
}
