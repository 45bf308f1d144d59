using Gram.Models;

namespace Gram.Reward.Benchmarks;

/// <summary>Percentile bootstrap: items are drawn again with replacement inside their groups, so that no group ever vanishes.</summary>
public static class Bootstrap
{
    private const double LowTail = 0.025, HighTail = 0.975;

    /// <summary>95 % intervals of what a statistic makes of the groups' means.</summary>
    /// <param name="groups">Items of each group: [items][measures].</param>
    /// <param name="statistic">From the groups' means to any number of figures.</param>
    /// <param name="samples">Resamples.</param>
    /// <param name="random">Draws them.</param>
    public static Interval[] Intervals(IReadOnlyList<(string Group, double[][] Items)> groups, Func<IReadOnlyList<GroupMean>, double[]> statistic, int samples, RandomSource random)
    {
        var drawn = Enumerable.Range(0, samples).Select(_ => statistic([.. groups.Select(Resample)])).ToArray();
        return [.. Enumerable.Range(0, drawn[0].Length).Select(figure =>
        {
            double[] values = [.. drawn.Select(sample => sample[figure]).Order()];
            return new Interval(Quantile(values, LowTail), Quantile(values, HighTail));
        })];

        GroupMean Resample((string Group, double[][] Items) group)
        {
            var means = new double[group.Items[0].Length];
            for (var i = 0; i < group.Items.Length; i++)
            {
                var item = group.Items[random.Next(group.Items.Length)];
                for (var measure = 0; measure < means.Length; measure++) means[measure] += item[measure];
            }
            for (var measure = 0; measure < means.Length; measure++) means[measure] /= group.Items.Length;
            return new(group.Group, group.Items.Length, means);
        }
    }

    /// <summary>A quantile of sorted values, between neighbours by a straight line.</summary>
    internal static double Quantile(double[] sorted, double share)
    {
        var at = share * (sorted.Length - 1);
        var low = (int)at;
        var high = Math.Min(low + 1, sorted.Length - 1);
        return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
    }
}
