using BenchmarkDotNet.Attributes;
using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>RMS norm of [1, tokens, hidden]: of operators, and as the kernel's rows in float32.</summary>
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
    public void Composed() => norm.Forward(x).Dispose();

    [Benchmark]
    public void Kernel()
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
