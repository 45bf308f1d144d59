using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Native;

public class FusedRmsNormTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Forward_Rows_EqualTheFormulaInFloat64(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var generator = new Generator(7);
        var x = (3 * randn(200, 96, generator: generator)).to(dtype);
        var weight = randn(96, generator: generator).to(dtype);
        var wide = x.to(ScalarType.Float64);
        var normalised = (wide / (wide.square().mean([-1], keepdim: true) + 1e-5).sqrt()).to(dtype);
        var expected = (normalised * weight).to(ScalarType.Float64);

        var actual = FusedRmsNorm.Forward(x, weight, 1e-5, 200, 96).to(ScalarType.Float64);

        // bfloat16 is rounded twice. Where float32 and float64 fall on two sides of a tie, the first rounding moves the product by up to
        // 2^-7 of it, and the second by as much again. One in 256 products lies halfway between two values, so ties rounded otherwise would show in dozens of places.
        var distance = (actual - expected).abs() / (expected.abs() + 1e-3);
        distance.max().item<double>().Should().BeLessThan(dtype == ScalarType.BFloat16 ? Math.Pow(2, -6) : 1e-6);
        distance.gt(1e-6).sum().item<long>().Should().BeLessThan(10);
    }

    [Theory]
    [InlineData(576, ScalarType.BFloat16, true)]
    [InlineData(48, ScalarType.Float32, false)]
    [InlineData(64, ScalarType.Float16, false)]
    public void Takes_WholeVectorsOfTwoDTypes(long width, ScalarType dtype, bool expected) =>
        FusedRmsNorm.Takes(width, dtype).Should().Be(expected);
}
