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
    public void ScaledDotProductAttention_BFloat16_IsFloat32sWithinRounding()
    {
        using var scope = NewDisposeScope();
        Tensor[] narrow = [.. ((long[])[6, 2, 2]).Select(heads => randn(2, heads, 5, 4).to(ScalarType.BFloat16))];
        Tensor[] wide = [.. narrow.Select(tensor => tensor.to(ScalarType.Float32))];
        var mask = full([5, 5], float.NegativeInfinity, ScalarType.BFloat16).triu(1);

        foreach (var (actual, expected) in new[]
        {
            (Aten.ScaledDotProductAttention(narrow[0], narrow[1], narrow[2], mask, causal: false), Aten.ScaledDotProductAttention(wide[0], wide[1], wide[2], mask.to(ScalarType.Float32), causal: false)),
            (Aten.ScaledDotProductAttention(narrow[0], narrow[1], narrow[2], null, causal: true), Aten.ScaledDotProductAttention(wide[0], wide[1], wide[2], null, causal: true)),
        })
        {
            actual.dtype.Should().Be(ScalarType.BFloat16);
            actual.to(ScalarType.Float32).allclose(expected, rtol: 0.02, atol: 0.02).Should().BeTrue();
        }
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

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Bool)]
    public void MetaKernels_WhereThereAreValues_AreTheOperators(ScalarType mask)
    {
        using var scope = NewDisposeScope();
        var (q, k, v, x, index) = (randn(2, 6, 5, 4), randn(2, 2, 7, 4), randn(2, 2, 7, 4), randn(5, 3), tensor(new long[] { 4, 0, 4 }));
        var hidden = randn(2, 1, 5, 7).gt(0.5);
        var masking = mask == ScalarType.Bool ? hidden.logical_not() : zeros(2, 1, 5, 7).masked_fill(hidden, -10);

        MetaKernels.Attention(q / 2, k, v, masking).allclose(Aten.ScaledDotProductAttention(q, k, v, masking, causal: false), atol: 1e-5).Should().BeTrue("the scale is 1/√4");
        MetaKernels.Rows(x, index).equal(Aten.Rows(x, index)).all().item<bool>().Should().BeTrue();
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

    [Fact]
    public void Calls_OfAllKinds_LeaveNothingBehind()
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (NewDisposeScope())
        {
            var q = randn(1, 2, 3, 4);
            Aten.ScaledDotProductAttention(q, q, q, null, true);
        }
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }
}
