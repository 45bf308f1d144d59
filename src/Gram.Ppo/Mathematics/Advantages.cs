using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Mathematics;

/// <summary>Advantages of response tokens. Responses start at column 0; V after the last token is 0.</summary>
public static class Advantages
{
    /// <summary>
    /// Generalised advantage estimation (Schulman et al., arXiv 1506.02438): δ_t = r_t + γ·V_{t+1} − V_t,
    /// A_t = δ_t + γλ·A_{t+1}, returns = A + V. Positions outside the mask are 0 and leak nothing.
    /// </summary>
    /// <param name="rewards">[rows, tokens] rewards per token.</param>
    /// <param name="values">[rows, tokens] V_t, read at the position before token t.</param>
    /// <param name="mask">[rows, tokens] bool, true on response tokens.</param>
    /// <param name="gamma">Discount per token.</param>
    /// <param name="lambda">λ.</param>
    /// <returns>[rows, tokens] advantages before whitening, and returns.</returns>
    public static (Tensor Advantages, Tensor Returns) Gae(Tensor rewards, Tensor values, Tensor mask, double gamma, double lambda)
    {
        using var scope = NewDisposeScope();
        var r = Masked.Fill(rewards, mask);
        var v = Masked.Fill(values, mask);
        var next = cat([v[.., 1..], zeros_like(v[.., ..1])], 1); // V_{t+1}, 0 after the last token
        var advantages = DiscountedSum(r + (gamma * next) - v, gamma * lambda);
        return (advantages.MoveToOuterDisposeScope(), (advantages + v).MoveToOuterDisposeScope());
    }

    /// <summary>
    /// ReMax (Li et al., arXiv 2310.10505): A_t = Σ_{s≥t} γ^{s−t}·r_s, with the greedy response's reward already taken from the
    /// reward of the last token. Not whitened.
    /// </summary>
    /// <param name="rewards">[rows, tokens] −β·kl_t, plus r − r(g, g) on the last token.</param>
    /// <param name="mask">[rows, tokens] bool, true on response tokens.</param>
    /// <param name="gamma">Discount per token.</param>
    public static Tensor Remax(Tensor rewards, Tensor mask, double gamma)
    {
        using var scope = NewDisposeScope();
        return DiscountedSum(Masked.Fill(rewards, mask), gamma).MoveToOuterDisposeScope();
    }

    // y_t = x_t + decay·y_{t+1}
    private static Tensor DiscountedSum(Tensor x, double decay)
    {
        var tokens = (int)x.shape[1];
        var sums = new Tensor[tokens];
        for (var t = tokens - 1; t >= 0; t--)
            sums[t] = t == tokens - 1 ? x[.., t] : x[.., t] + (decay * sums[t + 1]);
        return stack(sums, 1);
    }
}
