using System.Runtime.Intrinsics;
using Gram.Models.Kernels;

namespace Gram.Models.Tests.Kernels;

public sealed class ExponentialTests
{
    [Fact]
    public void Of_WholeRange_IsWithinTheRoundingOfFloat32()
    {
        var worst = 0.0;
        for (var x = -87f; x < 88; x += 0.0137f) worst = Math.Max(worst, Math.Abs(Exponential.Of(x) - Math.Exp(x)) / Math.Exp(x));

        worst.Should().BeLessThan(1e-7);
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(-1e30f, 0f)]
    [InlineData(-110f, 0f)]
    [InlineData(100f, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    public void Of_Edge_IsExact(float x, float expected) => Exponential.Of(x).Should().Be(expected);

    [Fact]
    public void Of_BetweenTheSmallestNormalNumberAndZero_FallsGradually() => Exponential.Of(-95).Should().BeApproximately((float)Math.Exp(-95), 1e-43f).And.BePositive();

    [Fact]
    public void Of_VectorsOfBothWidths_GiveTheSameBits()
    {
        for (var x = -90f; x < 89; x += 0.11f)
        {
            var wide = Exponential.Of<Lanes16, Vector512<float>>(Vector512.Create(x));
            for (var lane = 0; lane < 16; lane++) wide[lane].Should().Be(Exponential.Of(x));
        }
    }
}
