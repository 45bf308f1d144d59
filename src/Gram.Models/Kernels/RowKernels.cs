using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>What a decoder block does to one row between its products, in float32.</summary>
internal static unsafe class RowKernels
{
    private const int Lanes = 8;

    /// <summary>y = x · rsqrt(mean(x²) + epsilon) · weight; y may be x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(float* x, float* weight, float* y, int width, double epsilon)
    {
        var scale = 1 / MathF.Sqrt((DotProducts.Dot(x, x, width) / width) + (float)epsilon);
        var i = 0;
        for (; i + Lanes <= width; i += Lanes) (Vector256.Load(x + i) * scale * Vector256.Load(weight + i)).Store(y + i);
        for (; i < width; i++) y[i] = x[i] * scale * weight[i];
    }

    /// <summary>Rotary positions in half-split form, in place: (a, b) to (a·cos − b·sin, b·cos + a·sin) for the halves a, b of a head.</summary>
    /// <param name="head">[2 · half].</param>
    /// <param name="cos">[half].</param>
    /// <param name="sin">[half].</param>
    /// <param name="half">Half of a head's width.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(float* head, float* cos, float* sin, int half)
    {
        var other = head + half;
        var i = 0;
        for (; i + Lanes <= half; i += Lanes)
        {
            var (a, b, c, s) = (Vector256.Load(head + i), Vector256.Load(other + i), Vector256.Load(cos + i), Vector256.Load(sin + i));
            ((a * c) - (b * s)).Store(head + i);
            ((b * c) + (a * s)).Store(other + i);
        }
        for (; i < half; i++) (head[i], other[i]) = ((head[i] * cos[i]) - (other[i] * sin[i]), (other[i] * cos[i]) + (head[i] * sin[i]));
    }

    /// <summary>The inverse, which is also the gradient: rotates by the negative angle.</summary>
    public static void Unrotate(float* head, float* cos, float* sin, int half)
    {
        var other = head + half;
        var i = 0;
        for (; i + Lanes <= half; i += Lanes)
        {
            var (a, b, c, s) = (Vector256.Load(head + i), Vector256.Load(other + i), Vector256.Load(cos + i), Vector256.Load(sin + i));
            ((a * c) + (b * s)).Store(head + i);
            ((b * c) - (a * s)).Store(other + i);
        }
        for (; i < half; i++) (head[i], other[i]) = ((head[i] * cos[i]) + (other[i] * sin[i]), (other[i] * cos[i]) - (head[i] * sin[i]));
    }

    /// <summary>x = x + y.</summary>
    public static void Add(float* x, float* y, int count)
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector256.Load(x + i) + Vector256.Load(y + i)).Store(x + i);
        for (; i < count; i++) x[i] += y[i];
    }

    /// <summary>to[j, i] = from[i, j].</summary>
    /// <param name="from">[rows, columns].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="to">[columns, rows], <paramref name="stride"/> apart.</param>
    /// <param name="stride">Distance of two of its rows.</param>
    public static void Transpose(float* from, int rows, int columns, float* to, int stride)
    {
        const int Block = 16; // its lines stay in the cache
        for (var first = 0; first < rows; first += Block)
        {
            var end = Math.Min(rows, first + Block);
            for (var j = 0; j < columns; j++)
            {
                var target = to + ((long)j * stride);
                for (var i = first; i < end; i++) target[i] = from[((long)i * columns) + j];
            }
        }
    }

    /// <summary>Reads numbers of T as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen<T>(T* from, float* to, int count) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
            return;
        }
        var i = 0;
        for (; i + (2 * Lanes) <= count; i += 2 * Lanes)
        {
            var (low, high) = Vector256.Widen(Vector256.Load((ushort*)from + i));
            (low << 16).AsSingle().Store(to + i);
            (high << 16).AsSingle().Store(to + i + Lanes);
        }
        for (; i < count; i++) to[i] = Elements.ToSingle(from[i]);
    }

    /// <summary>Stores float32 numbers as T.</summary>
    public static void Narrow<T>(float* from, T* to, int count) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>((float*)to, count));
            return;
        }
        var i = 0;
        for (; i + (2 * Lanes) <= count; i += 2 * Lanes) Vector256.Narrow(UpperHalf(Vector256.Load(from + i)), UpperHalf(Vector256.Load(from + i + Lanes))).Store((ushort*)to + i);
        for (; i < count; i++) to[i] = Elements.FromSingle<T>(from[i]);
    }

    // bfloat16 to the nearest, ties to even.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> UpperHalf(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        return bits + Vector256.Create(0x7FFFu) + (bits >> 16 & Vector256<uint>.One) >> 16;
    }
}
