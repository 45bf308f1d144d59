using MathNet.Numerics.LinearAlgebra;

namespace Gram.BestOfN;

/// <summary>
/// Strengths β from comparisons: P(a beats b) = σ(β_a − β_b). Source: Bradley and Terry 1952; a soft score counts as that share of a
/// win, as the cross-entropy of a reward model counts it.
/// </summary>
public static class BradleyTerry
{
    // So weak that it moves no strength that comparisons settle; answers that win or lose without any doubt get a finite one by it.
    private const double PriorPrecision = 1e-6;

    private const int MostSteps = 200;
    private const double Enough = 1e-10; // of a Newton step

    /// <summary>The strengths of greatest likelihood, with mean 0, in log-odds.</summary>
    /// <param name="count">Number of answers.</param>
    /// <param name="comparisons">Indices of two answers, and the first one's score in [0, 1].</param>
    public static double[] Fit(int count, IReadOnlyList<(int A, int B, double ScoreA)> comparisons)
    {
        ArgumentNullException.ThrowIfNull(comparisons);
        var strengths = Vector<double>.Build.Dense(count);
        var loss = Loss(strengths, comparisons);
        for (var i = 0; i < MostSteps; i++)
        {
            var (gradient, hessian) = Derivatives(strengths, comparisons);
            var step = hessian.Cholesky().Solve(gradient);
            var next = strengths - step;
            for (var halved = Loss(next, comparisons); halved > loss && step.InfinityNorm() > Enough; halved = Loss(next, comparisons)) next = strengths - (step /= 2);
            strengths = next;
            loss = Loss(strengths, comparisons);
            if (step.InfinityNorm() <= Enough) break;
        }
        return [.. strengths - (strengths.Sum() / Math.Max(1, count))];
    }

    private static double Loss(Vector<double> strengths, IReadOnlyList<(int A, int B, double ScoreA)> comparisons) =>
        (0.5 * PriorPrecision * strengths.DotProduct(strengths)) + comparisons.Sum(met =>
        {
            var z = strengths[met.A] - strengths[met.B];
            return Softplus(-z) + ((1 - met.ScoreA) * z); // −s·log σ(z) − (1 − s)·log σ(−z)
        });

    private static (Vector<double> Gradient, Matrix<double> Hessian) Derivatives(Vector<double> strengths, IReadOnlyList<(int A, int B, double ScoreA)> comparisons)
    {
        var gradient = PriorPrecision * strengths;
        var hessian = Matrix<double>.Build.DenseDiagonal(strengths.Count, PriorPrecision);
        foreach (var (a, b, score) in comparisons)
        {
            var p = 1 / (1 + Math.Exp(strengths[b] - strengths[a]));
            gradient[a] += p - score;
            gradient[b] -= p - score;
            var weight = p * (1 - p);
            hessian[a, a] += weight;
            hessian[b, b] += weight;
            hessian[a, b] -= weight;
            hessian[b, a] -= weight;
        }
        return (gradient, hessian);
    }

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
