using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text.Json.Serialization;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>What the machine can do, by one fixed recipe (commands.md), so that speeds can be told as shares of it.</summary>
/// <param name="GemmF32Gflops">[1024×1536]·[1536×1536] in float32, best of 15 after 3.</param>
/// <param name="GemmBf16Gflops">The same in bfloat16.</param>
/// <param name="ReadGbps">Best rate seen among summing 256 MiB of float32, a two-thread vector loop over it, and copying it (reads plus writes).</param>
/// <param name="CopyGbps">Reads plus writes of that copy.</param>
public sealed record MachineFloors(
    [property: JsonPropertyName("gemm_f32_gflops")] double GemmF32Gflops,
    [property: JsonPropertyName("gemm_bf16_gflops")] double GemmBf16Gflops,
    [property: JsonPropertyName("read_gbps")] double ReadGbps,
    [property: JsonPropertyName("copy_gbps")] double CopyGbps)
{
    private const int Warmups = 3, Repeats = 15;
    private const double Budget = 15;

    /// <summary>Measures a device; <paramref name="note"/> is told where a floor took fewer runs than the recipe's, because one takes seconds.</summary>
    public static MachineFloors Measure(Device device, Action<string> note)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        const long bytes = 256L << 20;
        var runs = new BestOf(Budget, note);
        var source = ones(bytes / 4, device: device);
        var target = zeros_like(source);
        var copy = 2 * bytes / Best("copy", () => target.copy_(source)) / 1e9;
        var read = Math.Max(copy, bytes / Best("read", () => source.sum().Dispose()) / 1e9);
        if (device.type == DeviceType.CPU) read = Math.Max(read, bytes / Best("read", () => ReadWithTwoThreads(source)) / 1e9);
        return new MachineFloors(Gemm(ScalarType.Float32), Gemm(ScalarType.BFloat16), read, copy);

        double Best(string what, Action action) => runs.Seconds(what, Warmups, Repeats, () => BenchSubject.Seconds(device, action));

        double Gemm(ScalarType dtype)
        {
            const long m = 1024, k = 1536, n = 1536;
            using var inner = NewDisposeScope();
            var a = randn(m, k, dtype: dtype, device: device);
            var b = randn(k, n, dtype: dtype, device: device);
            return 2 * m * k * n / Best($"gemm in {dtype}", () => a.matmul(b).Dispose()) / 1e9;
        }
    }

    /// <summary>The better of two measurements, floor by floor: what other work took meanwhile is not the machine's limit.</summary>
    public MachineFloors Max(MachineFloors other) => new(
        Math.Max(GemmF32Gflops, other.GemmF32Gflops),
        Math.Max(GemmBf16Gflops, other.GemmBf16Gflops),
        Math.Max(ReadGbps, other.ReadGbps),
        Math.Max(CopyGbps, other.CopyGbps));

    /// <summary>
    /// Arithmetic rate for a dtype, in operations a second. bfloat16 values can be multiplied as float32 too, so where the processor
    /// has no instructions for them, float32's rate is what there is to reach.
    /// </summary>
    public double Gemm(ScalarType dtype) => 1e9 * (dtype == ScalarType.BFloat16 ? Math.Max(GemmBf16Gflops, GemmF32Gflops) : GemmF32Gflops);

    private static unsafe void ReadWithTwoThreads(Tensor tensor)
    {
        var half = tensor.numel() / 2;
        fixed (float* start = &System.Runtime.InteropServices.MemoryMarshal.GetReference(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(tensor.bytes)))
        {
            var address = (nint)start;
            var sums = new float[2];
            var other = new Thread(() => sums[1] = Sum((float*)address + half, half));
            other.Start();
            sums[0] = Sum((float*)address, half);
            other.Join();
            if (sums[0] != sums[1]) throw new InvalidOperationException("the read loop skipped memory");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe float Sum(float* values, long count)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<float> a = default, b = default, c = default, d = default;
            for (long i = 0; i < count; i += 64)
            {
                a += Vector512.Load(values + i);
                b += Vector512.Load(values + i + 16);
                c += Vector512.Load(values + i + 32);
                d += Vector512.Load(values + i + 48);
            }
            return Vector512.Sum(a + b + c + d);
        }
        else
        {
            Vector256<float> a = default, b = default, c = default, d = default;
            for (long i = 0; i < count; i += 32)
            {
                a += Vector256.Load(values + i);
                b += Vector256.Load(values + i + 8);
                c += Vector256.Load(values + i + 16);
                d += Vector256.Load(values + i + 24);
            }
            return Vector256.Sum(a + b + c + d);
        }
    }
}
