using BenchmarkDotNet.Attributes;
using Gram.Models.Generation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>A token drawn from 49,152 logits: filters, softmax, inverse transform.</summary>
public class SamplingBenchmarks
{
    private Tensor logits = null!, uniforms = null!;
    private SamplingOptions options = null!;

    [Params(1, 32)]
    public int Rows { get; set; }

    [Params(0, 50)]
    public int TopK { get; set; }

    [Params(1.0, 0.9)]
    public double TopP { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        (logits, uniforms) = (Smol.Normal(ScalarType.Float32, Rows, Smol.Vocabulary), rand([Rows], ScalarType.Float64));
        options = new() { TopK = TopK, TopP = TopP };
    }

    [Benchmark]
    public void Draw()
    {
        using var scope = NewDisposeScope();
        Sampler.Draw(SamplingFilter.Apply(logits, options).softmax(1), uniforms);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        logits.Dispose();
        uniforms.Dispose();
    }
}
