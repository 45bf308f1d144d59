using BenchmarkDotNet.Attributes;
using Gram.Models.Generation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>A token drawn from 49,152 logits: filters, softmax, inverse transform; by operators as on a GPU, and by the CPU's kernels.</summary>
public class SamplingBenchmarks : IDisposable
{
    private Tensor logits = null!, uniforms = null!;
    private SamplingOptions options = null!;
    private CpuSampler? sampler;
    private DecodingRow[] rows = [];

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
        sampler = new(options, withLogProbs: false);
        rows = [.. Enumerable.Range(0, Rows).Select(row => new DecodingRow(new(row, 0), [1], 1, new((ulong)row), remembers: false, text: null))];
    }

    [Benchmark]
    public void Kernels() => sampler!.Draw(logits, rows);

    [Benchmark(Baseline = true)]
    public void Operators()
    {
        using var scope = NewDisposeScope();
        Sampler.Draw(SamplingFilter.Apply(logits, options).softmax(1), uniforms);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        sampler?.Dispose();
        logits?.Dispose();
        uniforms?.Dispose();
        GC.SuppressFinalize(this);
    }
}
