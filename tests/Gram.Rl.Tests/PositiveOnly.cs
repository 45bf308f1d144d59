using Gram.Ppo;

namespace Gram.Rl.Tests;

/// <summary>An estimator of one's own: only what beats the query's mean is reinforced.</summary>
public sealed class PositiveOnly : IAdvantageEstimator
{
    /// <inheritdoc/>
    public double[] Estimate(IReadOnlyList<double> rewards, IReadOnlyList<int> queries)
    {
        var means = rewards.Zip(queries).GroupBy(row => row.Second, row => row.First).ToDictionary(group => group.Key, group => group.Average());
        return [.. rewards.Zip(queries, (reward, query) => Math.Max(0, reward - means[query]))];
    }
}
