namespace Gram.Models.Tests.Generation;

/// <summary>Pearson's χ² of draws against the distribution that they should have (ppo.md, invariant 8).</summary>
internal static class ChiSquare
{
    /// <summary>Fails where draws so far from the distribution have a probability below 1e-5, or an impossible token was drawn.</summary>
    public static void ShouldMatch(IReadOnlyList<int> drawn, float[] expected)
    {
        var counts = new long[expected.Length];
        foreach (var token in drawn) counts[token]++;
        counts.Where((_, token) => expected[token] == 0).Sum().Should().Be(0);
        var cells = Enumerable.Range(0, expected.Length).Where(token => expected[token] > 0).ToArray();
        var chiSquare = cells.Sum(token => Math.Pow(counts[token] - drawn.Count * (double)expected[token], 2) / (drawn.Count * (double)expected[token]));
        // Wilson and Hilferty: (χ²/n)^⅓ is nearly normal with mean 1 − 2/9n and variance 2/9n. 4.26 is the 1e-5 quantile.
        var n = cells.Length - 1;
        var z = (Math.Pow(chiSquare / n, 1.0 / 3) - (1 - 2.0 / (9 * n))) / Math.Sqrt(2.0 / (9 * n));
        z.Should().BeLessThan(4.26);
    }
}
