using System.Xml.Linq;
using Gram.Host.Reporting;

namespace Gram.Host.Tests.Reporting;

public class ChartSvgTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Of_Curve_NamesUnitsAndSaysWhatItShows()
    {
        var figure = ChartSvg.Of(new("KL", "nats a response", "step", [new("kl", [(1, 0), (2, 3), (3, 1.5)], [])]));

        var svg = figure.Element(Svg + "svg")!;
        svg.Elements(Svg + "text").Select(text => text.Value).Should().Contain(["nats a response", "step", "0", "1", "2", "3"]);
        ((string)svg.Attribute("aria-label")!).Should().Be("KL, nats a response by step. kl: 0 at 1, 1.5 at 3, least 0, greatest 3.");
        ((string)svg.Attribute("role")!).Should().Be("img");
    }

    [Fact]
    public void Of_LongCurve_KeepsItsPeaks()
    {
        (double, double)[] points = [.. Enumerable.Range(1, 10000).Select(step => ((double)step, step == 4567 ? 99 : step == 7654 ? -99 : Math.Sin(step)))];

        var circles = ChartSvg.Of(new("Loss", "nats", "step", [new("loss", points, [])])).Descendants(Svg + "circle").Select(circle => circle.Value).ToList();

        circles.Should().HaveCountLessThan(500).And.Contain(["step 4567: 99", "step 7654: -99"]);
        circles[0].Should().StartWith("step 1:");
        circles[^1].Should().StartWith("step 10000:");
    }

    [Theory]
    [InlineData(0, 3.3, new double[] { 0, 1, 2, 3, 4 })]
    [InlineData(0.61, 0.97, new[] { 0.6, 0.7, 0.8, 0.9, 1 })]
    [InlineData(-0.0042, 0.0011, new[] { -0.006, -0.004, -0.002, 0, 0.002 })]
    [InlineData(2, 2, new[] { 1.5, 2, 2.5 })]
    public void OfValues_AnySpan_HasRoundTicks(double low, double high, double[] ticks)
    {
        var axis = Axis.OfValues(low, high);

        axis.Ticks.Should().HaveCountLessThanOrEqualTo(6).And.Match(all => all.First() <= low && all.Last() >= high);
        axis.Ticks.Zip(ticks).Should().OnlyContain(pair => Math.Abs(pair.First - pair.Second) < 1e-9).And.HaveCount(ticks.Length);
    }

    [Theory]
    [InlineData(1, 12, new double[] { 2, 4, 6, 8, 10, 12 })]
    [InlineData(5, 5, new double[] { 5 })]
    [InlineData(10, 40, new double[] { 10, 15, 20, 25, 30, 35, 40 })]
    public void OfSteps_AnySpan_HasWholeTicks(double first, double last, double[] ticks) => Axis.OfSteps(first, last).Ticks.Should().Equal(ticks);
}
