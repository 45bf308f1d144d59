using System.Xml.Linq;
using Gram.Models;
using Gram.Reward.Benchmarks;

namespace Gram.Reward.Tests.Benchmarks;

public sealed class StatisticsTests
{
    /// <summary>Two bins: 0.97 sure and right 3 of 4 times, 0.62 sure and wrong once: (4·0.22 + 1·0.62) / 5.</summary>
    [Fact]
    public void Calibration_HandMade_IsTheWeightedGap()
    {
        var calibration = Calibration.Of([new(0.97, 0.03), new(0.97, 0.03), new(0.97, 0.03), new(0.03, 0.97), new(0.38, 0.62)]);

        calibration.ExpectedError.Should().BeApproximately((4 * 0.22 + 1 * 0.62) / 5, 1e-12);
        calibration.Bins.Select(bin => bin.Count).Should().Equal(0, 0, 1, 0, 0, 0, 0, 0, 0, 4);
        calibration.Bins[9].Should().Match<CalibrationBin>(bin => Math.Abs(bin.Confidence - 0.97) < 1e-12 && bin.Accuracy == 0.75);
    }

    /// <summary>Rewards are no probabilities: σ(ln 3) = ¾.</summary>
    [Fact]
    public void Calibration_Rewards_AreReadAsBradleyTerrys()
    {
        var calibration = Calibration.Of([new(10 + Math.Log(3), 10)]);

        calibration.Bins.Single(bin => bin.Count > 0).Confidence.Should().BeApproximately(0.75, 1e-12);
        calibration.ExpectedError.Should().BeApproximately(0.25, 1e-12);
    }

    /// <summary>Two bins hold something: a bar for each, as high as its accuracy.</summary>
    [Fact]
    public void ReliabilityPlot_OfTwoBins_DrawsABarForEach()
    {
        var calibration = Calibration.Of([new(0.97, 0.03), new(0.03, 0.97), new(0.62, 0.38)]);

        var svg = XDocument.Parse(ReliabilityPlot.Svg("a < b & c", calibration));

        double[] grid = [.. Numbers("grid", "y1")]; // accuracies 0 to 1
        Numbers("bar", "height").Select(height => height / (grid.Max() - grid.Min())).Should().Equal(1, 0.5);
        svg.Descendants().Select(element => element.Value).Should().Contain("a < b & c");

        IEnumerable<double> Numbers(string kind, string name) => svg.Descendants().Where(element => (string?)element.Attribute("class") == kind).Select(element => (double)element.Attribute(name)!);
    }

    /// <summary>The mean of 400 coin flips has standard error 0.025, so that its interval is near ±0.049.</summary>
    [Fact]
    public void Bootstrap_OfAMean_HasTheNormalIntervalsWidth()
    {
        double[][] items = [.. Enumerable.Range(0, 400).Select(i => new[] { i % 2.0 })];

        var interval = Bootstrap.Intervals([("all", items)], groups => [groups[0].Means[0]], 2000, new RandomSource(1))[0];

        interval.Low.Should().BeApproximately(0.451, 0.006);
        interval.High.Should().BeApproximately(0.549, 0.006);
    }

    [Fact]
    public void Bootstrap_SameSeed_SameIntervals()
    {
        double[][] items = [.. Enumerable.Range(0, 50).Select(i => new[] { i % 3 == 0 ? 1.0 : 0 })];

        Run(7).Should().Equal(Run(7)).And.NotEqual(Run(8));

        Interval[] Run(ulong seed) => Bootstrap.Intervals([("all", items)], groups => [groups[0].Means[0]], 200, new RandomSource(seed));
    }

    [Fact]
    public void Verdict_Swapped_KeepsTheOrders()
    {
        var verdict = Verdict.Of(pAb: 0.9, pBa: 0.6);

        verdict.Chosen.Should().BeApproximately(0.75, 1e-12);
        verdict.OrderDisagreement.Should().BeApproximately(0.3, 1e-12);
        verdict.Swapped().PAb.Should().BeApproximately(0.4, 1e-12, "the other answer stands first where this one is second");
        verdict.Swapped().IsRight.Should().BeFalse();
        new Verdict(1, 0).OrderDisagreement.Should().BeNull();
    }
}
