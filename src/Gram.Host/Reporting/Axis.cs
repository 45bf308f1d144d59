namespace Gram.Host.Reporting;

/// <summary>An axis of a chart: from where to where, and which values are written on it.</summary>
/// <param name="Low">The value at its beginning.</param>
/// <param name="High">The value at its end.</param>
/// <param name="Ticks">The values that are written on it.</param>
/// <param name="IsLogarithmic">Whether equal lengths are equal factors.</param>
internal sealed record Axis(double Low, double High, IReadOnlyList<double> Ticks, bool IsLogarithmic = false)
{
    /// <summary>Where a value lies: 0 at the beginning, 1 at the end.</summary>
    public double Share(double value) => High == Low ? 0.5 : IsLogarithmic ? Math.Log(value / Low) / Math.Log(High / Low) : (value - Low) / (High - Low);

    /// <summary>Of values: ticks at 1, 2 or 5 times a power of ten, the first and the last of which are the axis's ends.</summary>
    public static Axis OfValues(double low, double high)
    {
        if (high - low < 1e-12 * Math.Max(1, Math.Abs(high))) (low, high) = (low - 0.5, high + 0.5);
        var step = Step(high - low, most: 4);
        var (first, last) = (Math.Floor((low / step) + 1e-9), Math.Ceiling((high / step) - 1e-9));
        return new(first * step, last * step, Multiples(first, last, step));
    }

    /// <summary>Of steps: it ends with the last, and ticks are whole numbers.</summary>
    public static Axis OfSteps(double low, double high)
    {
        var step = Math.Max(1, Step(Math.Max(1, high - low), most: 6));
        return new(low, high, high == low ? [low] : Multiples(Math.Ceiling(low / step), Math.Floor(high / step), step));
    }

    /// <summary>Of numbers that double, or nearly so: each is a tick.</summary>
    public static Axis OfFactors(IReadOnlyList<double> values) => new(values.Min(), values.Max(), values, IsLogarithmic: true);

    /// <summary>The least of 1, 2, 5 · 10^k that parts a span into few enough steps.</summary>
    private static double Step(double span, int most)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(span / most)));
        return ((double[])[1, 2, 5, 10]).Select(factor => factor * power).First(step => span / step <= most + 1e-9);
    }

    private static double[] Multiples(double first, double last, double step) => [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)];
}
