using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Tests.Native;

public sealed class WideProductsTests
{
    [Fact]
    public void Linear_BFloat16_RoundsValueAndGradientsOnce()
    {
        using var scope = NewDisposeScope();
        Tensor[] operands = [.. ((long[][])[[7, 24], [5, 24], [5]]).Select(shape => randn(shape).to(ScalarType.BFloat16))];
        var upstream = randn(7, 5).to(ScalarType.BFloat16);
        Tensor[] narrow = [.. operands.Select(operand => operand.clone().requires_grad_())];
        Tensor[] wide = [.. operands.Select(operand => operand.to(ScalarType.Float32).requires_grad_())];

        var actual = WideProducts.Linear(narrow[0], narrow[1], narrow[2]);
        actual.backward([upstream]);

        var expected = F.linear(wide[0], wide[1], wide[2]);
        expected.backward([upstream.to(ScalarType.Float32)]);
        actual.equal(expected.to(ScalarType.BFloat16)).all().item<bool>().Should().BeTrue();
        foreach (var (one, other) in narrow.Zip(wide)) one.grad!.equal(other.grad!.to(ScalarType.BFloat16)).all().item<bool>().Should().BeTrue();
    }

    [Fact]
    public void Takes_Float32_Never()
    {
        using var x = zeros(2, 2);
        WideProducts.Takes(x).Should().BeFalse();
    }
}
