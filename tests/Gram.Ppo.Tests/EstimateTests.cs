namespace Gram.Ppo.Tests;

public sealed class EstimateTests
{
    [Fact]
    public void OfMean_FourValues_HasTheNormalInterval()
    {
        // Mean 0.5, s² = 4·0.0625/3, half-width 1.96·√(s²/4) = 0.28290.
        var estimate = Estimate.OfMean([0.25, 0.25, 0.75, 0.75]);

        estimate.Mean.Should().Be(0.5);
        estimate.High.Should().BeApproximately(0.5 + 0.282896, 1e-5);
        estimate.Low.Should().BeApproximately(0.5 - 0.282896, 1e-5);
    }

    [Fact]
    public void OfMean_NearTheEnds_StaysInTheScoresRange()
    {
        // Mean 0.95, s² = 0.01, half-width 0.098: 1.048 without the limit.
        Estimate.OfMean([0.8, 1, 1, 1]).High.Should().Be(1);
        Estimate.OfMean([0.2, 0, 0, 0]).Low.Should().Be(0);
    }

    [Fact]
    public void OfWins_AllWon_KeepsAnInterval()
    {
        // Wilson with p = 1, n = 10: 1/(1 + z²/n) = 0.72246.
        var estimate = Estimate.OfWins(Enumerable.Repeat(1.0, 10).ToList());

        estimate.Mean.Should().Be(1);
        estimate.High.Should().BeApproximately(1, 1e-9);
        estimate.Low.Should().BeApproximately(0.72246, 1e-4);
    }
}
