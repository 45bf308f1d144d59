using BenchmarkDotNet.Attributes;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>RMS norm of [1, tokens, hidden].</summary>
public class NormBenchmarks
{
    private Tensor x = null!;
    private RmsNorm norm;

    [Params(1, 32, 512)]
    public int Tokens { get; set; }

    [Params(ScalarType.Float32, ScalarType.BFloat16)]
    public ScalarType DType { get; set; }

    [GlobalSetup]
    public void Setup() => (x, norm) = (Smol.Normal(DType, 1, Tokens, Smol.Hidden), new RmsNorm(Smol.Normal(DType, Smol.Hidden), 1e-5));

    [Benchmark(Baseline = true)]
    public void Composed() => norm.Forward(x).Dispose();

    [Benchmark]
    public void Fused() => norm.ForwardPacked(x, Tokens, Smol.Hidden).Dispose();

    [GlobalCleanup]
    public void Cleanup()
    {
        x.Dispose();
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

/// <summary>One layer's keys and values appended to a cache of 512 places, where its rows are equally long and where they are not.</summary>
public class CacheBenchmarks
{
    private CausalLM model = null!;
    private KvCache cache = null!;
    private Tensor keys = null!, values = null!, places = null!;

    [Params(1, 32)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        model = CausalLM.Create(Smol.Config(1) with { VocabSize = 64 }, new(1), ScalarType.BFloat16);
        cache = model.NewCache(Rows, 512);
        (keys, values) = (New(), New());
        places = zeros([Rows, 1, 1, 1], ScalarType.Int64);

        Tensor New() => Smol.Normal(ScalarType.BFloat16, Rows, Smol.KeyHeads, 1, Smol.HeadDim);
    }

    [Benchmark(Baseline = true)]
    public void AppendUniform() => Append(null);

    [Benchmark]
    public void AppendRagged() => Append(places);

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var tensor in (Tensor[])[keys, values, places]) tensor.Dispose();
        cache.Dispose();
        model.Dispose();
    }

    private void Append(Tensor? at)
    {
        using var scope = NewDisposeScope();
        cache.Append(0, keys, values, 1, at);
    }
}
