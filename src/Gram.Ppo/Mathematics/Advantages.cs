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

    /// <summary>
    /// Leave-one-out (Ahmadian et al., arXiv 2402.14740): A_i = R_i − mean of the other R_j of the query, the same on every token.
    /// </summary>
    /// <param name="rewards">R_i = r_i − β·Σ_t kl_t of each response.</param>
    /// <param name="queries">The query of each; every query has at least two.</param>
    public static double[] Rloo(IReadOnlyList<double> rewards, IReadOnlyList<int> queries) =>
        WithinQueries(rewards, queries, group => [.. group.Select(reward => reward - ((group.Sum() - reward) / (group.Length - 1)))]);

    /// <summary>
    /// Group-relative (Shao et al., arXiv 2402.03300): A_i = (r_i − mean)/(std + 1e-4) over the query's responses, Bessel's std; 0 where all are equal.
    /// </summary>
    /// <param name="rewards">r_i of each response.</param>
    /// <param name="queries">The query of each; every query has at least two.</param>
    public static double[] Grpo(IReadOnlyList<double> rewards, IReadOnlyList<int> queries) => WithinQueries(rewards, queries, group =>
    {
        if (Array.TrueForAll(group, reward => reward == group[0])) return new double[group.Length]; // a mean's rounding would be all that is left
        var mean = group.Average();
        var deviation = Math.Sqrt(group.Sum(reward => (reward - mean) * (reward - mean)) / (group.Length - 1));
        return [.. group.Select(reward => (reward - mean) / (deviation + 1e-4))];
    });

    private static double[] WithinQueries(IReadOnlyList<double> rewards, IReadOnlyList<int> queries, Func<double[], double[]> advantages)
    {
        var result = new double[rewards.Count];
        foreach (var rows in Enumerable.Range(0, rewards.Count).GroupBy(row => queries[row]))
        {
            foreach (var (row, advantage) in rows.Zip(advantages([.. rows.Select(row => rewards[row])]))) result[row] = advantage;
        }
        return result;
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
