using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>
/// The RMS norm of a few rows in one pass, for decoding on a CPU. Composed of operators it takes eight calls, each of them longer
/// than its arithmetic, sixty times a token.
/// </summary>
internal static unsafe class FusedRmsNorm
{
    private const int Lanes = 32;

    /// <summary>Whether rows of this width and dtype can be taken.</summary>
    public static bool Takes(long width, ScalarType dtype) => width % Lanes == 0 && dtype is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>x · rsqrt(mean(x²) + epsilon), narrowed to x's dtype, times weight; no gradient.</summary>
    /// <param name="x">[rows, width], contiguous, on the CPU.</param>
    /// <param name="weight">[width], of the same dtype.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="width">Width of x.</param>
    public static Tensor Forward(Tensor x, Tensor weight, double epsilon, long rows, long width)
    {
        var y = empty_like(x);
        void* from = Shim.Data(x), scale = Shim.Data(weight), to = Shim.Data(y);
        if (x.dtype == ScalarType.BFloat16) Forward((ushort*)from, (ushort*)scale, (ushort*)to, (float)epsilon, rows, width);
        else Forward((float*)from, (float*)scale, (float*)to, (float)epsilon, rows, width);
        GC.KeepAlive(x);
        GC.KeepAlive(weight);
        return y;
    }

    private static void Forward<T>(T* x, T* weight, T* y, float epsilon, long rows, long width) where T : unmanaged
    {
        for (var row = 0; row < rows; row++, x += width, y += width)
        {
            Vector512<float> low = default, high = default;
            for (long i = 0; i < width; i += Lanes)
            {
                var (a, b) = Load(x + i);
                low += a * a;
                high += b * b;
            }
            var scale = Vector512.Create(1 / MathF.Sqrt(Vector512.Sum(low + high) / width + epsilon));
            for (long i = 0; i < width; i += Lanes)
            {
                var (a, b) = Load(x + i);
                var (c, d) = Load(weight + i);
                Store(y + i, Round<T>(a * scale) * c, Round<T>(b * scale) * d);
            }
        }
    }

    // bfloat16 is the upper half of a float32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> Low, Vector512<float> High) Load<T>(T* values) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return (Vector512.Load((float*)values), Vector512.Load((float*)values + Lanes / 2));
        var (low, high) = Vector512.Widen(Vector512.Load((ushort*)values));
        return ((low << 16).AsSingle(), (high << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T>(T* values, Vector512<float> low, Vector512<float> high) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            low.Store((float*)values);
            high.Store((float*)values + Lanes / 2);
        }
        else
        {
            Vector512.Narrow(Round<T>(low).AsUInt32() >> 16, Round<T>(high).AsUInt32() >> 16).Store((ushort*)values);
        }
    }

    /// <summary>To the nearest value of T, ties to even, still as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Round<T>(Vector512<float> values) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return values;
        var bits = values.AsUInt32();
        return ((bits + Vector512.Create(0x7FFFu) + (bits >> 16 & Vector512.Create(1u))) & Vector512.Create(0xFFFF0000u)).AsSingle();
    }
}
