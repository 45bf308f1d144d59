using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Tests.Native;

public sealed class Int8LinearTests : IDisposable
{
    private const float Unit = 1 / 128f; // the scale of a row whose largest weight is 127/128
    private readonly DisposeScope scope = NewDisposeScope();

    public Int8LinearTests() => Libtorch.Load();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Quantize_Rows_AreTheNearestMultiplesOfTheirScale()
    {
        var (weight, scale) = Int8Linear.Quantize(tensor(new[,] { { 127 * Unit, 3.4f * Unit, -64.6f * Unit }, { 0.1f, -127, 63.5f }, { 0, 0, 0 } }));

        weight.dtype.Should().Be(ScalarType.Int8);
        weight.data<sbyte>().Should().Equal(127, 3, -65, 0, -127, 64, 0, 0, 0); // 63.5 to the even neighbour
        scale.data<float>().Should().Equal(Unit, 1, 1);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Quantize_RandomWeights_AreOffByHalfAScaleAtMost(ScalarType dtype)
    {
        var original = randn(40, 96).to(dtype);

        var (weight, scale) = Int8Linear.Quantize(original);

        var off = (original.to(ScalarType.Float64) - weight.to(ScalarType.Float64) * scale.unsqueeze(1)).abs() / scale.unsqueeze(1);
        off.max().item<double>().Should().BeLessThan(0.501);
        weight.to(ScalarType.Int32).abs().amax([1]).min().item<int>().Should().BeGreaterThan(125, "every row uses the whole range");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Forward_OneRow_IsTheSumByHand(ScalarType dtype)
    {
        var (weight, scale) = Int8Linear.Quantize(tensor(new[,] { { 127 * Unit, 3 * Unit, -65 * Unit } }));

        var y = Int8Linear.Forward(tensor(new[,] { { 1f, 2f, -1f } }).to(dtype), weight, scale, tensor(new[] { 0.5f }).to(dtype));

        y.dtype.Should().Be(dtype);
        y.to(ScalarType.Float32).item<float>().Should().Be((127 + 6 + 65) * Unit + 0.5f);
    }

    /// <summary>Through libtorch's kernel (few rows, inputs a multiple of 32) and by widening the weight.</summary>
    [Theory]
    [InlineData(1, 64)]
    [InlineData(32, 96)]
    [InlineData(33, 96)]
    [InlineData(200, 64)]
    [InlineData(3, 24)]
    [InlineData(3, 40)]
    public void Forward_BFloat16OfAnyShape_IsTheProductToItsRounding(int rows, int inputs)
    {
        var (weight, scale) = Int8Linear.Quantize(randn(22, inputs) / Math.Sqrt(inputs));
        var (x, bias) = (randn(2, rows, inputs).to(ScalarType.BFloat16), randn(22).to(ScalarType.BFloat16));

        var y = Int8Linear.Forward(x, weight, scale, bias);

        var expected = F.linear(x.to(ScalarType.Float64), weight.to(ScalarType.Float64) * scale.to(ScalarType.Float64).unsqueeze(1), bias.to(ScalarType.Float64));
        y.shape.Should().Equal(2, rows, 22);
        // Product, scale and bias round to 8 bits each: at most 3 · 2⁻⁹ of what is rounded, here below 8.
        (y.to(ScalarType.Float64) - expected).abs().max().item<double>().Should().BeLessThan(3.0 / 512 * 8);
    }

    [Fact]
    public void Forward_InputWithGradient_IsDifferentiable()
    {
        var (weight, scale) = Int8Linear.Quantize(randn(6, 32));
        var x = randn(4, 32).to(ScalarType.BFloat16).requires_grad_();

        Int8Linear.Forward(x, weight, scale, null).sum().backward();

        var expected = (weight.to(ScalarType.Float32) * scale.unsqueeze(1)).sum([0]).expand(4, 32);
        (x.grad!.to(ScalarType.Float32) - expected).abs().max().item<float>().Should().BeLessThan(0.1f);
    }
}
