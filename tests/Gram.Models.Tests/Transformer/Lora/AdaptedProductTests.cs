using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Tests.Transformer.Lora;

/// <summary>A frozen layer with its adapter as one operator, against libtorch's operators in float64.</summary>
public sealed class AdaptedProductTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public AdaptedProductTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_FrozenLayer_HasTheGradientsOfItsOperators(bool withBias)
    {
        var (x, weight, bias) = (randn(2, 5, 12).requires_grad_(), randn(20, 12), withBias ? randn(20) : null);
        var lora = new LoraLinear(randn(3, 12).requires_grad_(), randn(20, 3).requires_grad_(), Scale: 1.5);
        var upstream = randn(2, 5, 20);

        var actual = AdaptedProduct.Of(x, new Linear(weight, bias), lora);
        actual.backward([upstream]);

        var (exactX, exactA, exactB) = (Exact(x), Exact(lora.A), Exact(lora.B));
        var expected = F.linear(exactX, weight.to(ScalarType.Float64), bias?.to(ScalarType.Float64)) + (1.5 * F.linear(F.linear(exactX, exactA), exactB));
        expected.backward([upstream.to(ScalarType.Float64)]);
        Distance(actual, expected).Should().BeLessThan(1e-4);
        Distance(x.grad!, exactX.grad!).Should().BeLessThan(1e-4);
        Distance(lora.A.grad!, exactA.grad!).Should().BeLessThan(1e-4);
        Distance(lora.B.grad!, exactB.grad!).Should().BeLessThan(1e-4);
    }

    [Fact]
    public void Of_WithoutGradients_GivesTheSameBits()
    {
        var (x, linear) = (randn(2, 5, 12), new Linear(randn(20, 12), null));
        var lora = new LoraLinear(randn(3, 12).requires_grad_(), randn(20, 3).requires_grad_(), Scale: 1.5);
        var learning = AdaptedProduct.Of(x, linear, lora);
        using var noGrad = no_grad();

        Distance(AdaptedProduct.Of(x, linear, lora), learning).Should().Be(0, "a ratio at learning rate 0 is exactly 1");
    }

    [Fact]
    public void Of_InputThatLearnsNothing_GivesTheAdaptersGradientsAlone()
    {
        var (x, lora) = (randn(4, 12), new LoraLinear(randn(3, 12).requires_grad_(), zeros(20, 3).requires_grad_(), Scale: 1));

        AdaptedProduct.Of(x, new Linear(randn(20, 12), null), lora).sum().backward();

        x.grad.Should().BeNull();
        Distance(lora.B.grad!, F.linear(x, lora.A).detach().sum([0L]).expand(20, -1)).Should().BeLessThan(1e-4);
        Distance(lora.A.grad!, zeros(3, 12)).Should().Be(0, "B is zero");
    }

    [Fact]
    public void Takes_WeightThatLearns_IsLeftToOperators()
    {
        AdaptedProduct.Takes(randn(1, 3), new Linear(randn(2, 3), null)).Should().BeTrue();
        AdaptedProduct.Takes(randn(1, 3), new Linear(randn(2, 3).requires_grad_(), null)).Should().BeFalse();
        AdaptedProduct.Takes(randn(1, 3).to(ScalarType.BFloat16), new Linear(randn(2, 3).to(ScalarType.BFloat16), null)).Should().BeFalse();
    }

    private static Tensor Exact(Tensor x) => x.detach().to(ScalarType.Float64).requires_grad_();

    private static double Distance(Tensor actual, Tensor expected) => (actual.to(ScalarType.Float64) - expected.to(ScalarType.Float64)).abs().max().item<double>();
}
