using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Native;

public sealed class AtenTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ScaledDotProductAttention_GroupedHeads_EqualsTheFormula(bool causal)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = (randn(2, 6, 5, 4), randn(2, 2, 5, 4), randn(2, 2, 5, 4));

        var actual = Aten.ScaledDotProductAttention(q, k, v, mask: null, causal, scale: 0.3);

        var scores = q.matmul(k.repeat_interleave(3, 1).transpose(2, 3)) * 0.3;
        if (causal) scores = scores + full(5, 5, float.NegativeInfinity).triu(1);
        var expected = scores.softmax(-1).matmul(v.repeat_interleave(3, 1));
        actual.allclose(expected, atol: 1e-5).Should().BeTrue();
    }

    [Fact]
    public void ScaledDotProductAttention_Gradients_FlowToAllThree()
    {
        using var scope = NewDisposeScope();
        var q = randn(1, 4, 3, 8, requires_grad: true);
        var k = randn(1, 2, 3, 8, requires_grad: true);
        var v = randn(1, 2, 3, 8, requires_grad: true);

        Aten.ScaledDotProductAttention(q, k, v, null, causal: true).sum().backward();

        foreach (var input in new[] { q, k, v }) input.grad!.isfinite().all().item<bool>().Should().BeTrue();
    }

    [Fact]
    public void FusedAdamW_OneStep_EqualsTheFormula()
    {
        using var scope = NewDisposeScope();
        var (p, g, m, s) = (tensor([1f, -2f]), tensor([0.5f, 0.25f]), zeros(2), zeros(2));

        Aten.FusedAdamW([p], [g], [m], [s], [tensor(1f)], lr: 0.1, beta1: 0.9, beta2: 0.99, weightDecay: 0.01, eps: 1e-8);

        // At step 1 the bias-corrected moments are g and g²: p − lr·wd·p − lr·sign(g).
        p.data<float>().ToArray().Should().BeEquivalentTo([1f - 0.001f - 0.1f, -2f + 0.002f - 0.1f], o => o.Using<float>(x => x.Subject.Should().BeApproximately(x.Expectation, 1e-6f)).WhenTypeIs<float>());
        m.data<float>().ToArray()[0].Should().BeApproximately(0.05f, 1e-7f);
        s.data<float>().ToArray()[0].Should().BeApproximately(0.0025f, 1e-7f);
    }

    [Fact]
    public void Embedding_RepeatedIds_AddsTheirGradients()
    {
        using var scope = NewDisposeScope();
        var weight = arange(6, dtype: ScalarType.Float32).reshape(3, 2).requires_grad_();

        var rows = Aten.Embedding(weight, tensor(new long[,] { { 2, 0, 2 } }));
        rows.sum().backward();

        rows.shape.Should().Equal(1, 3, 2);
        rows.data<float>().ToArray().Should().Equal(4, 5, 0, 1, 4, 5);
        weight.grad!.data<float>().ToArray().Should().Equal(1, 1, 0, 0, 2, 2);
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1)]
    [InlineData(ScalarType.Float32, 7)]
    [InlineData(ScalarType.BFloat16, 1)]
    [InlineData(ScalarType.BFloat16, 7)]
    public void PackedLinear_AnyRows_EqualsThePlainOne(ScalarType dtype, int rows)
    {
        using var scope = NewDisposeScope();
        var (weight, bias, x) = (randn(48, 32).to(dtype), randn(48).to(dtype), randn(rows, 1, 32).to(dtype));

        using var packed = new PackedLinear(weight, bias);
        var actual = packed.Forward(x);

        actual.shape.Should().Equal(rows, 1, 48);
        var tolerance = dtype == ScalarType.Float32 ? 1e-4 : 0.1;
        actual.to(ScalarType.Float32).allclose(nn.functional.linear(x, weight, bias).to(ScalarType.Float32), rtol: 1e-2, atol: tolerance).Should().BeTrue();
    }

    [Fact]
    public void Calls_OfAllKinds_LeaveNothingBehind()
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (NewDisposeScope())
        {
            var q = randn(1, 2, 3, 4);
            using var packed = new PackedLinear(randn(4, 4));
            packed.Forward(Aten.ScaledDotProductAttention(q, q, q, null, true));
        }
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }
}
