using BenchmarkDotNet.Attributes;
using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Benchmarks;

/// <summary>x [rows, in] · W [out, in]ᵀ of SmolLM2's layers, in every form that a weight has.</summary>
public unsafe class LinearBenchmarks
{
    private Tensor x = null!, xWide = null!, weight = null!, weightWide = null!, int8 = null!, scale = null!;
    private Tensor y = null!;

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
        y = empty(Rows, shape[0]);
    }

    [Benchmark(Baseline = true)]
    public void PlainF32() => F.linear(xWide, weightWide).Dispose();

    [Benchmark]
    public void PlainBf16() => F.linear(x, weight).Dispose();

    [Benchmark]
    public void KernelF32() => Kernel<float>(weightWide);

    [Benchmark]
    public void KernelBf16() => Kernel<ushort>(weight);

    [Benchmark]
    public void WeightInt8() => Int8Linear.Forward(x, int8, scale, null).Dispose();

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var tensor in (Tensor[])[x, xWide, y, weight, weightWide, int8, scale]) tensor.Dispose();
    }

    // As a forward with a cache uses it: x in the order that T wants, whatever its values.
    private void Kernel<T>(Tensor of) where T : unmanaged
    {
        nint from = (nint)Shim.Data(xWide), data = (nint)Shim.Data(of), to = (nint)Shim.Data(y);
        var (outputs, width, team) = ((int)of.size(0), (int)of.size(1), Team.Shared());
        team.Run(member =>
        {
            while (team.Take(member, outputs, 64, out var first, out var end)) DotProducts.Multiply((T*)data, width, first, end, (float*)from, Rows, (float*)to + first, outputs);
        });
    }
}
