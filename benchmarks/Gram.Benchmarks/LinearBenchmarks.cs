using BenchmarkDotNet.Attributes;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Benchmarks;

/// <summary>x [rows, in] · W [out, in]ᵀ of SmolLM2's layers, in every form that a weight has.</summary>
public class LinearBenchmarks
{
    private Tensor x = null!, xWide = null!, weight = null!, weightWide = null!, int8 = null!, scale = null!;
    private PackedLinear? packed;

    [Params("49152x576", "1536x576", "576x1536")]
    public string Shape { get; set; } = "";

    [Params(1, 8, 32, 128)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        long[] shape = [.. Shape.Split('x').Select(long.Parse)];
        (xWide, weightWide) = (Smol.Normal(ScalarType.Float32, Rows, shape[1]), Smol.Normal(ScalarType.Float32, shape));
        (x, weight) = (xWide.to(ScalarType.BFloat16), weightWide.to(ScalarType.BFloat16));
        (int8, scale) = Int8Linear.Quantize(weightWide);
        packed = PackedLinear.Takes(ScalarType.BFloat16) ? new(weight) : null;
    }

    [Benchmark(Baseline = true)]
    public void PlainF32() => F.linear(xWide, weightWide).Dispose();

    [Benchmark]
    public void PlainBf16() => F.linear(x, weight).Dispose();

    [Benchmark]
    public void PackedBf16() => (packed ?? throw new NotSupportedException("this processor has no packed kernels")).Forward(x).Dispose();

    [Benchmark]
    public void WeightInt8() => Int8Linear.Forward(x, int8, scale, null).Dispose();

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var tensor in (Tensor[])[x, xWide, weight, weightWide, int8, scale]) tensor.Dispose();
        packed?.Dispose();
    }
}
