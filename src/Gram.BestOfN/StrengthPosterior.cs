using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;

namespace Gram.BestOfN;

/// <summary>
/// What is known of strengths β: normal, with prior N(0, <see cref="PriorVariance"/>) each. A comparison observes β_a − β_b, the log-odds of
/// Bradley and Terry's model, with normal noise, so the posterior stays normal and an observation is one rank-one update (Kalman 1960).
/// </summary>
internal sealed class StrengthPosterior(int count)
{
    /// <summary>Of a strength, in squared log-odds: the difference of two answers is within ±5.5 in 95 of 100 cases.</summary>
    public const double PriorVariance = 4;

    private readonly Vector<double> mean = Vector<double>.Build.Dense(count);
    private readonly Matrix<double> covariance = Matrix<double>.Build.DenseDiagonal(count, PriorVariance);

    /// <summary>The expected strengths.</summary>
    public IReadOnlyList<double> Mean => [.. mean];

    /// <summary>Learns that β_a − β_b was seen to be <paramref name="difference"/>, give or take a noise of this variance.</summary>
    public void Observe(int a, int b, double difference, double noise)
    {
        var along = covariance.Column(a) - covariance.Column(b);
        var total = along[a] - along[b] + noise;
        mean.Add(along * ((difference - (mean[a] - mean[b])) / total), mean);
        covariance.Subtract(along.OuterProduct(along) / total, covariance);
    }

    /// <summary>The probability that β_a is above β_b.</summary>
    public double ProbabilityAbove(int a, int b) => Normal.CDF(0, 1, (mean[a] - mean[b]) / Math.Sqrt(Math.Max(Variance(a, b), double.Epsilon)));

    /// <summary>
    /// The probability that β_a is above all others, at least: the product over the others, which is a bound from below as the differences
    /// share β_a (Slepian 1962).
    /// </summary>
    public double ProbabilityBest(int a) => Enumerable.Range(0, mean.Count).Where(b => b != a).Aggregate(1.0, (product, b) => product * ProbabilityAbove(a, b));

    /// <summary>By how much observing β_a − β_b with this noise lowers the variance of β_first − β_second.</summary>
    public double Reduction(int a, int b, int first, int second, double noise)
    {
        var shared = covariance[a, first] - covariance[a, second] - covariance[b, first] + covariance[b, second];
        return shared * shared / (Variance(a, b) + noise);
    }

    private double Variance(int a, int b) => covariance[a, a] + covariance[b, b] - (2 * covariance[a, b]);
}
