namespace Gram.BestOfN.Tests;

public class BestOfNKlTests
{
    [Theory]
    [InlineData(1, 0.0)]
    [InlineData(2, 0.19314718055994531)] // log 2 − 1/2
    [InlineData(16, 1.8350887222397811)] // log 16 − 15/16
    public void Bound_IsLogNMinusTheShareOfOthers(int n, double expected) => BestOfNKl.Bound(n).Should().BeApproximately(expected, 1e-12);

    [Fact]
    public void Bound_IsTheExactKlOfTheBestOfDistinctAnswers()
    {
        // The best of n draws from m equally likely, strictly ordered answers: answer i is picked with (i^n − (i−1)^n)/m^n.
        const int m = 20_000, n = 4;
        var kl = Enumerable.Range(1, m).Select(i => Math.Pow((double)i / m, n) - Math.Pow((i - 1.0) / m, n)).Sum(p => p * Math.Log(p * m));
        kl.Should().BeApproximately(BestOfNKl.Bound(n), 1e-3);
    }
}
