using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Tests.Transformer;

/// <summary>Operators with kernels of their own, forward and backward, against libtorch's operators in float64.</summary>
public sealed class FusedOperatorTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public FusedOperatorTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    public static IEnumerable<object[]> Attentions =>
    [
        [1, 1, 1, 1, 8], [2, 7, 3, 3, 6], [1, 65, 6, 2, 16], [2, 130, 5, 1, 48], [1, 33, 9, 3, 64], [1, 70, 4, 4, 80], [3, 20, 8, 2, 128],
    ];

    [Theory, MemberData(nameof(Attentions))]
    public void Attention_Float32_EqualsLibtorchsInFloat64(int rows, int tokens, int heads, int kvHeads, int headDim) =>
        Attention(new(rows, tokens, heads, kvHeads, headDim), ScalarType.Float32, 2e-5);

    [Theory, MemberData(nameof(Attentions))]
    public void Attention_BFloat16_IsRoundedOnce(int rows, int tokens, int heads, int kvHeads, int headDim) =>
        Attention(new(rows, tokens, heads, kvHeads, headDim), ScalarType.BFloat16, 1e-2);

    private static void Attention(AttentionShape shape, ScalarType dtype, double tolerance)
    {
        var config = TinyModels.Config("llama", 1) with { HeadDim = shape.HeadDim, RopeScaling = null };
        using var table = new RotaryTable(config);
        using var rotary = new RotaryEmbedding(config, ScalarType.Float64, CPU);
        var (q, k, v) = (Input(shape.QueryWidth), Input(shape.KeyWidth), Input(shape.KeyWidth));
        var upstream = randn(shape.Rows, shape.Tokens, shape.QueryWidth).to(dtype);

        var actual = CausalAttention.Of(q, k, v, shape, table);
        actual.backward([upstream]);

        var (exactQ, exactK, exactV) = (Exact(q), Exact(k), Exact(v));
        var angles = rotary.At(0, shape.Tokens);
        var expected = Aten.ScaledDotProductAttention(
            RotaryEmbedding.Rotate(Heads(exactQ, shape.Heads), angles, shape.HeadDim),
            RotaryEmbedding.Rotate(Heads(exactK, shape.KvHeads), angles, shape.HeadDim).repeat_interleave(shape.Group, 1),
            Heads(exactV, shape.KvHeads).repeat_interleave(shape.Group, 1), null, causal: true).transpose(1, 2).reshape(actual.shape);
        expected.backward([upstream.to(ScalarType.Float64)]);

        Distance(actual, expected).Should().BeLessThan(tolerance);
        Distance(q.grad!, exactQ.grad!).Should().BeLessThan(tolerance);
        Distance(k.grad!, exactK.grad!).Should().BeLessThan(tolerance);
        Distance(v.grad!, exactV.grad!).Should().BeLessThan(tolerance);

        Tensor Input(int width) => randn(shape.Rows, shape.Tokens, width).to(dtype).requires_grad_();
        Tensor Heads(Tensor x, int heads) => x.view(shape.Rows, shape.Tokens, heads, shape.HeadDim).transpose(1, 2);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void CachedAttention_InTwoPieces_EqualsTheWholeRows(ScalarType dtype)
    {
        const int Rows = 2, Tokens = 90, First = 37;
        var config = TinyModels.Config("llama", 1) with { HeadDim = 64, NumAttentionHeads = 6, NumKeyValueHeads = 2 };
        using var model = CausalLM.Create(config with { NumHiddenLayers = 1 }, new RandomSource(1), dtype);
        using var cache = model.NewCache(Rows, Tokens + 5);
        using var table = new RotaryTable(config);
        using var noGrad = no_grad();
        AttentionShape Shape(int tokens) => new(Rows, tokens, 6, 2, 64);
        var (q, k, v) = (randn(Rows, Tokens, 384).to(dtype), randn(Rows, Tokens, 128).to(dtype), randn(Rows, Tokens, 128).to(dtype));
        var whole = CausalAttention.Of(q, k, v, Shape(Tokens), table);

        var pieces = cat([Piece(0, First), Piece(First, Tokens - First)], 1);

        Distance(pieces, whole.to(ScalarType.Float64)).Should().BeLessThan(dtype == ScalarType.Float32 ? 1e-5 : 1e-2); // keys are rounded in the cache

        Tensor Piece(int from, int count)
        {
            var piece = CachedAttention.Of(q.narrow(1, from, count), k.narrow(1, from, count), v.narrow(1, from, count), Shape(count), table, cache, 0);
            cache.Advance(count);
            return piece;
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 37, 1e-5)]
    [InlineData(ScalarType.Float32, 576, 1e-5)]
    [InlineData(ScalarType.BFloat16, 96, 2e-2)]
    public void Norm_ForwardAndBackward_EqualTheFormula(ScalarType dtype, int width, double tolerance)
    {
        var (x, weight) = (randn(130, width).to(dtype).requires_grad_(), randn(width).to(dtype).requires_grad_());
        var upstream = randn(130, width).to(dtype);
        new RmsNorm(weight, 1e-5).Forward(x).backward([upstream]);
        var (exactX, exactWeight) = (Exact(x), Exact(weight));
        var exact = exactX * (exactX.square().mean([-1], keepdim: true) + 1e-5).rsqrt() * exactWeight;
        exact.backward([upstream.to(ScalarType.Float64)]);

        using (no_grad()) Distance(new RmsNorm(weight, 1e-5).Forward(x), exact).Should().BeLessThan(tolerance);
        Distance(x.grad!, exactX.grad!).Should().BeLessThan(tolerance);
        Distance(weight.grad!, exactWeight.grad!).Should().BeLessThan(tolerance);
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-6)]
    [InlineData(ScalarType.BFloat16, 1e-2)]
    public void Gate_ForwardAndBackward_EqualTheFormula(ScalarType dtype, double tolerance)
    {
        var (gate, up) = (randn(3, 2221).to(dtype).requires_grad_(), randn(3, 2221).to(dtype).requires_grad_());
        var upstream = randn(3, 2221).to(dtype);
        GatedActivation.Of(gate, up).backward([upstream]);
        var (exactGate, exactUp) = (Exact(gate), Exact(up));
        var exact = F.silu(exactGate) * exactUp;
        exact.backward([upstream.to(ScalarType.Float64)]);

        Distance(gate.grad!, exactGate.grad!).Should().BeLessThan(tolerance);
        Distance(up.grad!, exactUp.grad!).Should().BeLessThan(tolerance);
        using var noGrad = no_grad();
        Distance(GatedActivation.Of(gate.detach().clone(), up), exact).Should().BeLessThan(tolerance);
        var transposed = gate.detach().t().contiguous().t();
        Distance(GatedActivation.Of(transposed, up), exact).Should().BeLessThan(tolerance, "a gate need not be contiguous");
    }

    [Theory]
    [InlineData(false, 1.0)]
    [InlineData(true, 0.7)]
    public void HeadSoftmax_OfKernelsAndOfOperators_IsTheSame(bool withEntropy, double temperature)
    {
        var entropy = withEntropy ? EntropyUse.WithGradient : EntropyUse.None;
        var (logits, targets) = (randn(40, 110) * 3, randint(0, 150, new long[] { 40, 1 }, ScalarType.Int64));
        HeadSoftmax kernel = new KernelHeadSoftmax(targets, temperature, entropy), operators = new TensorHeadSoftmax(targets, temperature, entropy);
        var (actual, expected) = (Read(kernel), Read(operators));

        Distance(actual.Target, expected.Target).Should().BeLessThan(1e-5);
        Distance(actual.Top, expected.Top).Should().BeLessThan(1e-5);
        Distance(actual.Sum, expected.Sum).Should().BeLessThan(1e-4);
        if (withEntropy) Distance(actual.Weighted, expected.Weighted).Should().BeLessThan(1e-3);
        var (constant, slope, atTarget) = (randn(40, 1), !withEntropy ? null : randn(40, 1), randn(40, 1));
        var (a, b) = (logits.clone(), logits.clone());
        kernel.Differentiate(new HeadBlock(20, logits, a), actual.Top, slope, constant, atTarget);
        operators.Differentiate(new HeadBlock(20, logits, b), actual.Top, slope, constant, atTarget);
        Distance(a, b).Should().BeLessThan(1e-5);

        SoftmaxSums Read(HeadSoftmax softmax)
        {
            var sums = new SoftmaxSums(targets);
            softmax.Read(new HeadBlock(0, logits, logits.narrow(1, 0, 70).contiguous()), sums);
            softmax.Read(new HeadBlock(70, logits, logits.narrow(1, 70, 40).contiguous()), sums);
            return sums;
        }
    }

    [Fact]
    public void GlobalNorm_ManyTensors_EqualsTheNormOfAllNumbers()
    {
        Tensor[] tensors = [randn(70_001), randn(3, 5), zeros(0), randn(4097)];

        GlobalNorm.Of(tensors).Should().BeApproximately(cat([.. tensors.Select(tensor => tensor.flatten().to(ScalarType.Float64))]).norm().item<double>(), 1e-4);
        GlobalNorm.Of([tensors[1].t()]).Should().BeApproximately(tensors[1].norm().item<float>(), 1e-5, "what is not contiguous goes by operators");
        GlobalNorm.Of([]).Should().Be(0);
    }

    private static Tensor Exact(Tensor x) => x.detach().to(ScalarType.Float64).requires_grad_();

    // The largest difference, as a share of the largest number where that exceeds 1.
    private static double Distance(Tensor actual, Tensor expected)
    {
        using var noGrad = no_grad();
        var exact = expected.to(ScalarType.Float64);
        return (actual.to(ScalarType.Float64) - exact).abs().max().item<double>() / Math.Max(1, exact.abs().max().item<double>());
    }
}
