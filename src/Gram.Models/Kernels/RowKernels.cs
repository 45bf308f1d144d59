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

    /// <summary>gate = silu(gate) · up, silu(z) = z / (1 + e^−z).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SiluTimes(float* gate, float* up, int count)
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            var z = Vector256.Load(gate + i);
            (z / (Vector256<float>.One + Vector256.Exp(-z)) * Vector256.Load(up + i)).Store(gate + i);
        }
        for (; i < count; i++) gate[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
    }

    /// <summary>x = x + y.</summary>
    public static void Add(float* x, float* y, int count)
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector256.Load(x + i) + Vector256.Load(y + i)).Store(x + i);
        for (; i < count; i++) x[i] += y[i];
    }

    /// <summary>to[j, i] = from[i, j].</summary>
    /// <param name="from">[rows, columns], <paramref name="stride"/> apart.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="stride">Distance of two rows.</param>
    /// <param name="to">[columns, rows].</param>
    public static void Transpose(float* from, int rows, int columns, int stride, float* to)
    {
        const int Block = 16; // its lines stay in the cache
        for (var first = 0; first < rows; first += Block)
        {
            var end = Math.Min(rows, first + Block);
            for (var j = 0; j < columns; j++)
            {
                var target = to + ((long)j * rows);
                for (var i = first; i < end; i++) target[i] = from[((long)i * stride) + j];
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
        for (; i < count; i++) to[i] = DotProducts.ToSingle(from[i]);
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
        for (; i < count; i++) to[i] = DotProducts.FromSingle<T>(from[i]);
    }

    // bfloat16 to the nearest, ties to even.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> UpperHalf(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        return bits + Vector256.Create(0x7FFFu) + (bits >> 16 & Vector256<uint>.One) >> 16;
    }

    /// <summary>scores = softmax(scale · scores), in place; scale is positive. Returns log Σ exp(scale · scores).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Softmax(float* scores, int count, float scale)
    {
        var (largest, i) = (float.NegativeInfinity, 0);
        var most = Vector256.Create(largest);
        for (; i + Lanes <= count; i += Lanes) most = Vector256.Max(most, Vector256.Load(scores + i));
        for (var lane = 0; lane < Lanes; lane++) largest = MathF.Max(largest, most[lane]);
        for (; i < count; i++) largest = MathF.Max(largest, scores[i]);
        Vector256<float> sums = default;
        i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            var e = Vector256.Exp((Vector256.Load(scores + i) - Vector256.Create(largest)) * scale);
            e.Store(scores + i);
            sums += e;
        }
        var sum = Vector256.Sum(sums);
        for (; i < count; i++) sum += scores[i] = MathF.Exp((scores[i] - largest) * scale);
        var factor = 1 / sum;
        for (i = 0; i + Lanes <= count; i += Lanes) (Vector256.Load(scores + i) * factor).Store(scores + i);
        for (; i < count; i++) scores[i] *= factor;
        return (largest * scale) + MathF.Log(sum);
    }

    /// <summary>scores = P = exp(scale · scores − logSum), and dScores = scale · P ∘ (dScores − dot): the gradient of the scores before scaling, from that of P.</summary>
    /// <param name="scores">[keys]; those from <paramref name="seen"/> on become 0.</param>
    /// <param name="dScores">[keys]; likewise.</param>
    /// <param name="seen">Keys that the query sees.</param>
    /// <param name="keys">Keys of the block.</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="logSum">What <see cref="Softmax"/> returned.</param>
    /// <param name="dot">Σ of result · gradient of the result.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftmaxBackward(float* scores, float* dScores, int seen, int keys, float scale, float logSum, float dot)
    {
        var (i, shift, factor, minus) = (0, Vector256.Create(logSum), Vector256.Create(scale), Vector256.Create(dot));
        for (; i + Lanes <= seen; i += Lanes)
        {
            var p = Vector256.Exp((Vector256.Load(scores + i) * factor) - shift);
            p.Store(scores + i);
            (p * (Vector256.Load(dScores + i) - minus) * factor).Store(dScores + i);
        }
        for (; i < seen; i++)
        {
            var p = MathF.Exp((scores[i] * scale) - logSum);
            (scores[i], dScores[i]) = (p, p * (dScores[i] - dot) * scale);
        }
        new Span<float>(scores + seen, keys - seen).Clear();
        new Span<float>(dScores + seen, keys - seen).Clear();
    }

    /// <summary>y[q, :] = Σ_j weights[q, j] · rows[j, :] for all q.</summary>
    /// <param name="weights">[queries, count], <paramref name="stride"/> apart.</param>
    /// <param name="stride">Distance of two queries' weights.</param>
    /// <param name="queries">Queries.</param>
    /// <param name="rows">[count, width], of float or of ushort (bfloat16).</param>
    /// <param name="count">Rows.</param>
    /// <param name="y">[queries, width].</param>
    /// <param name="width">Width of a row.</param>
    public static void WeightedSums<T>(float* weights, int stride, int queries, T* rows, int count, float* y, int width) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) WeightedSums<Lanes16, Vector512<float>, T>(weights, stride, queries, rows, count, y, width);
        else WeightedSums<Lanes8, Vector256<float>, T>(weights, stride, queries, rows, count, y, width);
    }

    private static void WeightedSums<L, V, T>(float* weights, int stride, int queries, T* rows, int count, float* y, int width) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var d = 0;
        for (; d + (2 * L.Count) <= width; d += 2 * L.Count)
        {
            var q = 0;
            for (; q + 4 <= queries; q += 4) FourSums<L, V, T>(weights + ((long)q * stride), stride, rows + d, count, y + ((long)q * width) + d, width);
            for (; q < queries; q++) OneSum<L, V, T>(weights + ((long)q * stride), rows + d, count, y + ((long)q * width) + d, width);
        }
        for (; d < width; d++)
        {
            for (var q = 0; q < queries; q++)
            {
                var sum = 0f;
                for (var j = 0; j < count; j++) sum = MathF.FusedMultiplyAdd(weights[((long)q * stride) + j], DotProducts.ToSingle(rows[((long)j * width) + d]), sum);
                y[((long)q * width) + d] = sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneSum<L, V, T>(float* weights, T* rows, int count, float* y, int width) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        V s0 = default, s1 = default;
        for (var j = 0; j < count; j++, rows += width)
        {
            var (a, b) = DotProducts.Load<L, V, T>(rows);
            var w = L.All(weights[j]);
            (s0, s1) = (L.MultiplyAdd(w, a, s0), L.MultiplyAdd(w, b, s1));
        }
        Put<L, V, T>(s0, s1, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourSums<L, V, T>(float* weights, int stride, T* rows, int count, float* y, int width) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        float* wa = weights, wb = wa + stride, wc = wb + stride, wd = wc + stride;
        V a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        for (var j = 0; j < count; j++, rows += width)
        {
            var (p, q) = DotProducts.Load<L, V, T>(rows);
            var w = L.All(wa[j]);
            (a0, a1) = (L.MultiplyAdd(w, p, a0), L.MultiplyAdd(w, q, a1));
            w = L.All(wb[j]);
            (b0, b1) = (L.MultiplyAdd(w, p, b0), L.MultiplyAdd(w, q, b1));
            w = L.All(wc[j]);
            (c0, c1) = (L.MultiplyAdd(w, p, c0), L.MultiplyAdd(w, q, c1));
            w = L.All(wd[j]);
            (d0, d1) = (L.MultiplyAdd(w, p, d0), L.MultiplyAdd(w, q, d1));
        }
        Put<L, V, T>(a0, a1, y);
        Put<L, V, T>(b0, b1, y + width);
        Put<L, V, T>(c0, c1, y + (2L * width));
        Put<L, V, T>(d0, d1, y + (3L * width));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L, V, T>(V first, V second, float* y) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        if (typeof(T) == typeof(ushort)) (first, second) = L.Merge(first, second);
        L.Store(first, y);
        L.Store(second, y + L.Count);
    }
}
