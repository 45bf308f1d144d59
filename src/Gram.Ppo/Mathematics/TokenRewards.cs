using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Mathematics;

/// <summary>Rewards per token: r_t = −β·kl_t, plus the response's reward on its last token.</summary>
public static class TokenRewards
{
    /// <summary>Adds each row's reward to its last valid token; 0 outside the mask. A row without valid tokens gets none.</summary>
    /// <param name="kl">[rows, tokens] kl_t (k1).</param>
    /// <param name="beta">β.</param>
    /// <param name="rewards">[rows] reward of each response.</param>
    /// <param name="mask">[rows, tokens] bool, true on response tokens.</param>
    public static Tensor Build(Tensor kl, double beta, Tensor rewards, Tensor mask)
    {
        using var scope = NewDisposeScope();
        var next = cat([mask[.., 1..], zeros_like(mask[.., ..1])], 1);
        var last = mask.logical_and(next.logical_not()); // [rows, tokens], true on the last valid token only
        var perToken = Masked.Fill(-beta * kl, mask);
        return where(last, perToken + rewards.unsqueeze(1), perToken).MoveToOuterDisposeScope();
    }
}
