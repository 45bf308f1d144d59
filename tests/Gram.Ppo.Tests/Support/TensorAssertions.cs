using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Support;

/// <summary>Tensors from literals, and comparisons that show the largest gap.</summary>
internal static class TensorAssertions
{
    public static Tensor Floats(params float[][] rows) => stack(rows.Select(row => tensor(row)).ToArray());

    public static Tensor Mask(params int[][] rows) => stack(rows.Select(row => tensor(row)).ToArray()).to(ScalarType.Bool);

    public static void ShouldBeNear(this Tensor actual, Tensor expected, double tolerance)
    {
        actual.shape.Should().Equal(expected.shape);
        if (actual.numel() == 0) return;
        (actual.to(float64) - expected.to(float64)).abs().max().item<double>().Should().BeLessOrEqualTo(tolerance);
    }

    public static void ShouldBeNear(this Tensor actual, double expected, double tolerance) =>
        actual.to(float64).item<double>().Should().BeApproximately(expected, tolerance);

    public static double Value(this Tensor scalar) => scalar.to(float64).item<double>();
}
