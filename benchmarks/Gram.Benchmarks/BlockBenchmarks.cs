using BenchmarkDotNet.Attributes;
using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>RMS norm of [1, tokens, hidden]: the operator with its gradient, without one, and the rows of the one kernel in float32.</summary>
public unsafe class NormBenchmarks
{
    private Tensor x = null!, y = null!;
    private RmsNorm norm;

    [Params(1, 32, 512)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        (x, norm) = (Smol.Normal(ScalarType.Float32, 1, Tokens, Smol.Hidden), new RmsNorm(Smol.Normal(ScalarType.Float32, Smol.Hidden), 1e-5));
        y = empty_like(x);
    }

    [Benchmark(Baseline = true)]
    public void Forward()
    {
        using var noGrad = no_grad();
        norm.Forward(x).Dispose();
    }

    [Benchmark]
    public void ForwardAndBackward()
    {
        using var scope = NewDisposeScope();
        norm.Forward(x.detach().requires_grad_()).backward([y]);
    }

    [Benchmark]
    public void Rows()
    {
        float* from = (float*)Shim.Data(x), to = (float*)Shim.Data(y), weight = (float*)Shim.Data(norm.Weight);
        for (var token = 0; token < Tokens; token++) RowKernels.RmsNorm(from + ((long)token * Smol.Hidden), weight, to + ((long)token * Smol.Hidden), Smol.Hidden, norm.Epsilon);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        x.Dispose();
        y.Dispose();
        norm.Weight.Dispose();
    }
}

/// <summary>Rotary positions of a layer's queries, [1, heads, tokens, headDim].</summary>
public class RotaryBenchmarks
{
    private Tensor x = null!;
    private RotaryEmbedding rotary = null!;

    [Params(1, 512)]
    public int Tokens { get; set; }

    [Params(ScalarType.Float32, ScalarType.BFloat16)]
    public ScalarType DType { get; set; }

    [GlobalSetup]
    public void Setup() => (x, rotary) = (Smol.Normal(DType, 1, Smol.Heads, Tokens, Smol.HeadDim), new RotaryEmbedding(Smol.Config(1), DType, CPU));

    [Benchmark]
    public void Rotate()
    {
        using var scope = NewDisposeScope();
        RotaryEmbedding.Rotate(x, rotary.At(0, Tokens), Smol.HeadDim);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        x.Dispose();
        rotary.Dispose();
    }
}

/// <summary>Attention of a layer: 4 × 256 tokens forward and backward, and a prompt of 512 into a cache.</summary>
public class AttentionBenchmarks
{
    private readonly AttentionShape training = new(4, 256, Smol.Heads, Smol.KeyHeads, Smol.HeadDim), prompt = new(1, 512, Smol.Heads, Smol.KeyHeads, Smol.HeadDim);
    private CausalLM model = null!;
    private KvCache cache = null!;
    private RotaryTable rotary = null!;
    private Tensor[] rows = [], tokens = [];

    [Params(ScalarType.Float32, ScalarType.BFloat16)]
    public ScalarType DType { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        model = CausalLM.Create(Smol.Config(1) with { VocabSize = 64 }, new(1), DType);
        (cache, rotary) = (model.NewCache(1, 512), new RotaryTable(model.Config));
        (rows, tokens) = (New(training), New(prompt));

        Tensor[] New(AttentionShape shape) => [.. new[] { shape.QueryWidth, shape.KeyWidth, shape.KeyWidth }.Select(width => Smol.Normal(DType, shape.Rows, shape.Tokens, width))];
    }

    [Benchmark]
    public void ForwardAndBackward()
    {
        using var scope = NewDisposeScope();
        Tensor[] leaves = [.. rows.Select(input => input.detach().requires_grad_())];
        CausalAttention.Of(leaves[0], leaves[1], leaves[2], training, rotary).backward([rows[0]]);
    }

    [Benchmark]
    public void Prompt() => CachedAttention.Of(tokens[0], tokens[1], tokens[2], prompt, rotary, cache, 0).Dispose();

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var tensor in rows.Concat(tokens)) tensor.Dispose();
        rotary.Dispose();
        cache.Dispose();
        model.Dispose();
    }
}
