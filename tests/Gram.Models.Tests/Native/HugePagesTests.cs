using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Native;

public sealed unsafe class HugePagesTests
{
    [Fact]
    public void Take_LargeWeights_MoveWithTheirValuesAndGradients()
    {
        using var scope = NewDisposeScope();
        var (numbers, parameter) = (arange(5_000_000, ScalarType.Float32).reshape(1000, 5000), ones(1000, 300).requires_grad_());
        parameter.grad = full_like(parameter, 2);
        var before = (nint)Shim.Data(numbers);

        HugePages.Take([numbers, parameter]);

        var moved = (nint)Shim.Data(numbers);
        moved.Should().NotBe(before);
        (moved % (2 << 20)).Should().Be(0, "the first one begins a page");
        numbers.flatten()[4_999_999].item<float>().Should().Be(4_999_999);
        numbers.equal(arange(5_000_000, ScalarType.Float32).reshape(1000, 5000)).all().item<bool>().Should().BeTrue();
        parameter.requires_grad.Should().BeTrue();
        (parameter * 3).sum().backward();
        parameter.grad!.mean().item<float>().Should().Be(5);
        HugePages.Take([numbers, parameter]);
        ((nint)Shim.Data(numbers)).Should().Be(moved);
    }

    [Fact]
    public void Take_FewSmallWeights_StayWhereTheyAre()
    {
        using var weight = ones(100, 100);
        var before = (nint)Shim.Data(weight);

        HugePages.Take([weight]);

        ((nint)Shim.Data(weight)).Should().Be(before);
    }

    [Fact]
    public void Empty_AfterItsFillerIsGone_LivesAsLongAsItsTensors()
    {
        Tensor weight;
        using (var pages = HugePages.For([(1000, ScalarType.BFloat16)])) weight = pages.Empty([10, 100], ScalarType.BFloat16);

        weight.fill_(3);

        weight.to(ScalarType.Float32).sum().item<float>().Should().Be(3000);
        weight.Dispose();
    }

    [Fact]
    public void Empty_BeyondItsRoom_IsRefused()
    {
        using var pages = HugePages.For([(1 << 19, ScalarType.Float32)]);
        pages.Empty([1 << 19], ScalarType.Float32).Dispose();
        var more = () => pages.Empty([1 << 19], ScalarType.Float32);

        more.Should().Throw<InvalidOperationException>();
    }
}
