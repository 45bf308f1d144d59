using Gram.Models.Kernels;

namespace Gram.Models.Tests.Kernels;

public sealed unsafe class DotProductsTests
{
    public static IEnumerable<object[]> Shapes =>
        from rows in new[] { 1, 2, 3, 7 } from width in new[] { 8, 20, 64, 100 } from outputs in new[] { 4, 11 } select new object[] { rows, width, outputs };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_Float32_EqualsTheSums(int rows, int width, int outputs)
    {
        using var world = new World(rows, width, outputs);
        DotProducts.Multiply(world.Weight.Data, width, 0, outputs, world.X.Data, rows, world.Y.Data, outputs);

        world.Check((n, k) => world.Weight.Data[(n * width) + k]);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_BFloat16_EqualsTheSumsOfTheRoundedWeights(int rows, int width, int outputs)
    {
        using var world = new World(rows, width, outputs);
        var narrow = new ushort[outputs * width];
        fixed (ushort* weight = narrow)
        {
            RowKernels.Narrow(world.Weight.Data, weight, narrow.Length);
            using var arranged = new FloatBuffer(rows * width);
            var x = DotProducts.Arrange<ushort>(world.X.Data, arranged.Data, rows, width);
            DotProducts.Multiply(weight, width, 0, outputs, x, rows, world.Y.Data, outputs);
        }

        world.Check((n, k) => (float)BitConverter.UInt32BitsToSingle((uint)narrow[(n * width) + k] << 16));
    }

    [Fact]
    public void Multiply_RowAmongOthers_GivesTheSameBitsAsAlone()
    {
        using var world = new World(rows: 7, width: 52, outputs: 10);
        DotProducts.Multiply(world.Weight.Data, 52, 0, 10, world.X.Data, 7, world.Y.Data, 10);
        using var alone = new FloatBuffer(10);

        for (var row = 0; row < 7; row++)
        {
            DotProducts.Multiply(world.Weight.Data, 52, 0, 10, world.X.Data + (row * 52), 1, alone.Data, 10);
            new Span<float>(alone.Data, 10).ToArray().Should().Equal(new Span<float>(world.Y.Data + (row * 10), 10).ToArray());
        }
    }

    [Fact]
    public void Multiply_Adding_AddsToWhatIsThere()
    {
        using var world = new World(rows: 2, width: 8, outputs: 4);
        new Span<float>(world.Y.Data, 8).Fill(100);
        DotProducts.Multiply(world.Weight.Data, 8, 0, 4, world.X.Data, 2, world.Y.Data, 4, add: true);

        for (var i = 0; i < 8; i++) world.Y.Data[i] -= 100;
        world.Check((n, k) => world.Weight.Data[(n * 8) + k]);
    }

    [Theory]
    [InlineData(1.0f)]
    [InlineData(-3.00390625f)] // half way between two bfloat16 numbers: to the even one
    [InlineData(1.01171875f)]
    public void FromSingle_Rounds_AsTorchDoes(float value)
    {
        using var tensor = TorchSharp.torch.tensor(value).to(TorchSharp.torch.ScalarType.BFloat16).to(TorchSharp.torch.ScalarType.Float32);

        Elements.ToSingle(Elements.FromSingle<ushort>(value)).Should().Be(tensor.item<float>());
    }

    /// <summary>Random weights and rows, and the sums that they should give.</summary>
    private sealed class World : IDisposable
    {
        private readonly int rows, width, outputs;

        public World(int rows, int width, int outputs)
        {
            (this.rows, this.width, this.outputs) = (rows, width, outputs);
            var random = new RandomSource(7);
            (Weight, X, Y) = (new(outputs * width), new(rows * width), new(rows * outputs));
            for (var i = 0; i < Weight.Length; i++) Weight.Data[i] = (float)random.NextGaussian();
            for (var i = 0; i < X.Length; i++) X.Data[i] = (float)random.NextGaussian();
        }

        public FloatBuffer Weight { get; }
        public FloatBuffer X { get; }
        public FloatBuffer Y { get; }

        public void Check(Func<int, int, float> weight)
        {
            for (var row = 0; row < rows; row++)
            {
                for (var n = 0; n < outputs; n++)
                {
                    var expected = 0.0;
                    for (var k = 0; k < width; k++) expected += (double)weight(n, k) * X.Data[(row * width) + k];
                    Y.Data[(row * outputs) + n].Should().BeApproximately((float)expected, 1e-4f, $"row {row}, output {n}");
                }
            }
        }

        public void Dispose()
        {
            foreach (var buffer in new[] { Weight, X, Y }) buffer.Dispose();
        }
    }
}
