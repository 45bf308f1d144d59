namespace Gram.Ppo.Mathematics;

/// <summary>Pearson's correlation.</summary>
public static class Correlation
{
    private const double NoVariance = 1e-12;

    /// <summary>Σ(x − x̄)(y − ȳ) / √(Σ(x − x̄)²·Σ(y − ȳ)²), from −1 to 1; 0 where one of the two does not vary.</summary>
    /// <param name="x">Numbers.</param>
    /// <param name="y">As many others.</param>
    public static double Of(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        var (meanX, meanY) = (x.Average(), y.Average());
        double product = 0, squaresX = 0, squaresY = 0;
        for (var i = 0; i < x.Count; i++)
        {
            var (dx, dy) = (x[i] - meanX, y[i] - meanY);
            (product, squaresX, squaresY) = (product + (dx * dy), squaresX + (dx * dx), squaresY + (dy * dy));
        }
        return squaresX > NoVariance && squaresY > NoVariance ? product / Math.Sqrt(squaresX * squaresY) : 0;
    }
}
