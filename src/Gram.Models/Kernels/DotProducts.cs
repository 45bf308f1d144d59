using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Gram.Models.Kernels;

/// <summary>
/// Products of rows with a weight matrix as it lies in memory, float32 or bfloat16 (read as ushort). Every element is one sum of as
/// many lanes as the processor has, in the order of k, however many rows are computed together: a row's result does not depend on
/// its neighbours. Rows must be <see cref="Arrange"/>d for bfloat16 weights.
/// </summary>
internal static unsafe class DotProducts
{
    private const int Tile = 4;      // rows of the weight, and of x, that are multiplied at a time: 16 sums hide the latency of a multiplication
    private const int CacheLine = 64, Ahead = 1024; // bytes

    /// <summary>y[r, n] = Σ_k weight[n, k] · x[r, k] (or added to y) for all rows r and for n in [from, to).</summary>
    /// <param name="weight">[out, width], of float or of ushort (bfloat16).</param>
    /// <param name="width">Columns.</param>
    /// <param name="from">First n.</param>
    /// <param name="to">End of n.</param>
    /// <param name="x">[rows, width], arranged for T.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="y">Place of y[0, from].</param>
    /// <param name="stride">Distance of y's rows.</param>
    /// <param name="add">Whether y is added to.</param>
    public static void Multiply<T>(T* weight, int width, int from, int to, float* x, int rows, float* y, int stride, bool add = false) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) Multiply<Lanes16, Vector512<float>, T>(weight, width, from, to, x, rows, y, stride, add);
        else Multiply<Lanes8, Vector256<float>, T>(weight, width, from, to, x, rows, y, stride, add);
    }

    /// <summary>Σ_k a[k] · b[k].</summary>
    public static float Dot(float* a, float* b, int width) =>
        Vector512.IsHardwareAccelerated ? Dot<Lanes16, Vector512<float>, float>(a, b, width) : Dot<Lanes8, Vector256<float>, float>(a, b, width);

    /// <summary>
    /// Brings rows into the order in which weights of T are read: bfloat16 comes out of memory as the even and the odd numbers of
    /// two vectors, since that takes one shift and one mask. For float nothing is done. Both places may be the same.
    /// </summary>
    /// <returns>Where the arranged rows are: <paramref name="to"/>, or <paramref name="from"/> itself.</returns>
    public static float* Arrange<T>(float* from, float* to, int rows, int width) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return from;
        for (var row = 0; row < rows; row++)
        {
            if (Vector512.IsHardwareAccelerated) SplitRow<Lanes16, Vector512<float>>(from + ((long)row * width), to + ((long)row * width), width);
            else SplitRow<Lanes8, Vector256<float>>(from + ((long)row * width), to + ((long)row * width), width);
        }
        return to;
    }

    private static void SplitRow<L, V>(float* from, float* to, int width) where L : ILanes<V> where V : unmanaged
    {
        var k = 0;
        for (; k + (2 * L.Count) <= width; k += 2 * L.Count)
        {
            var (even, odd) = L.Split(L.Load(from + k), L.Load(from + k + L.Count));
            L.Store(even, to + k);
            L.Store(odd, to + k + L.Count);
        }
        for (; k < width; k++) to[k] = from[k];
    }

    private static void Multiply<L, V, T>(T* weight, int width, int from, int to, float* x, int rows, float* y, int stride, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var n = from;
        var whole = width / (2 * L.Count) * (2 * L.Count);
        for (; n + Tile <= to; n += Tile, y += Tile)
        {
            var tile = weight + ((long)n * width);
            var row = 0;
            for (; row + Tile <= rows; row += Tile)
            {
                PrefetchPart((byte*)(tile + ((long)Tile * width)), Tile * width * sizeof(T), row / Tile, rows / Tile);
                FourRows<L, V, T>(tile, width, x + ((long)row * width), y + ((long)row * stride), stride, add);
            }
            for (; row < rows; row++) OneRow<L, V, T>(tile, width, x + ((long)row * width), y + ((long)row * stride), add);
            if (whole < width) AddRest(tile, width, whole, x, rows, y, stride);
        }
        for (; n < to; n++, y++)
        {
            for (var row = 0; row < rows; row++)
            {
                var place = y + ((long)row * stride);
                var value = Dot<L, V, T>(weight + ((long)n * width), x + ((long)row * width), width);
                *place = add ? *place + value : value;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot<L, V, T>(T* a, float* b, int width) where L : ILanes<V> where V : unmanaged where T : unmanaged =>
        Rest(L.Sum(Sums<L, V, T>(a, b, width)), a, b, width / (2 * L.Count) * (2 * L.Count), width);

    // Four rows of the weight with one row of x, one after another: memory is the limit, and it is read fastest in its own order.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow<L, V, T>(T* weight, int width, float* x, float* y, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var s0 = Sums<L, V, T>(weight, x, width);
        var s1 = Sums<L, V, T>(weight + width, x, width);
        var s2 = Sums<L, V, T>(weight + (2L * width), x, width);
        var s3 = Sums<L, V, T>(weight + (3L * width), x, width);
        Store<L, V>(s0, s1, s2, s3, y, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sums<L, V, T>(T* a, float* b, int width) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        V sum = default;
        for (var k = 0; k + (2 * L.Count) <= width; k += 2 * L.Count)
        {
            Prefetch((byte*)(a + k) + Ahead);
            if (2 * L.Count * sizeof(T) > CacheLine) Prefetch((byte*)(a + k) + Ahead + CacheLine);
            var (first, second) = Elements.Load<L, V, T>(a + k);
            sum = L.MultiplyAdd(second, L.Load(b + k + L.Count), L.MultiplyAdd(first, L.Load(b + k), sum));
        }
        return sum;
    }

    // Four rows of the weight with four rows of x.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows<L, V, T>(T* weight, int width, float* x, float* y, int stride, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        T* w0 = weight, w1 = w0 + width, w2 = w1 + width, w3 = w2 + width;
        float* xa = x, xb = xa + width, xc = xb + width, xd = xc + width;
        V a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        V c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        var k = 0;
        for (; k + (2 * L.Count) <= width; k += 2 * L.Count)
        {
            var (p0, q0) = Elements.Load<L, V, T>(w0 + k);
            var (p1, q1) = Elements.Load<L, V, T>(w1 + k);
            var (p2, q2) = Elements.Load<L, V, T>(w2 + k);
            var (p3, q3) = Elements.Load<L, V, T>(w3 + k);
            var v = L.Load(xa + k);
            (a0, a1, a2, a3) = (L.MultiplyAdd(p0, v, a0), L.MultiplyAdd(p1, v, a1), L.MultiplyAdd(p2, v, a2), L.MultiplyAdd(p3, v, a3));
            v = L.Load(xb + k);
            (b0, b1, b2, b3) = (L.MultiplyAdd(p0, v, b0), L.MultiplyAdd(p1, v, b1), L.MultiplyAdd(p2, v, b2), L.MultiplyAdd(p3, v, b3));
            v = L.Load(xc + k);
            (c0, c1, c2, c3) = (L.MultiplyAdd(p0, v, c0), L.MultiplyAdd(p1, v, c1), L.MultiplyAdd(p2, v, c2), L.MultiplyAdd(p3, v, c3));
            v = L.Load(xd + k);
            (d0, d1, d2, d3) = (L.MultiplyAdd(p0, v, d0), L.MultiplyAdd(p1, v, d1), L.MultiplyAdd(p2, v, d2), L.MultiplyAdd(p3, v, d3));
            v = L.Load(xa + k + L.Count);
            (a0, a1, a2, a3) = (L.MultiplyAdd(q0, v, a0), L.MultiplyAdd(q1, v, a1), L.MultiplyAdd(q2, v, a2), L.MultiplyAdd(q3, v, a3));
            v = L.Load(xb + k + L.Count);
            (b0, b1, b2, b3) = (L.MultiplyAdd(q0, v, b0), L.MultiplyAdd(q1, v, b1), L.MultiplyAdd(q2, v, b2), L.MultiplyAdd(q3, v, b3));
            v = L.Load(xc + k + L.Count);
            (c0, c1, c2, c3) = (L.MultiplyAdd(q0, v, c0), L.MultiplyAdd(q1, v, c1), L.MultiplyAdd(q2, v, c2), L.MultiplyAdd(q3, v, c3));
            v = L.Load(xd + k + L.Count);
            (d0, d1, d2, d3) = (L.MultiplyAdd(q0, v, d0), L.MultiplyAdd(q1, v, d1), L.MultiplyAdd(q2, v, d2), L.MultiplyAdd(q3, v, d3));
        }
        Store<L, V>(a0, a1, a2, a3, y, add);
        Store<L, V>(b0, b1, b2, b3, y + stride, add);
        Store<L, V>(c0, c1, c2, c3, y + (2L * stride), add);
        Store<L, V>(d0, d1, d2, d3, y + (3L * stride), add);
    }

    // The sums of four rows of the weight with one of x. No call may follow the loops: it would keep their sums in memory.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<L, V>(V s0, V s1, V s2, V s3, float* y, bool add) where L : ILanes<V> where V : unmanaged
    {
        var sums = Sum(L.Halve(s0), L.Halve(s1), L.Halve(s2), L.Halve(s3));
        (add ? Vector128.Load(y) + sums : sums).Store(y);
    }

    // What the loops leave of a width that is not a multiple of two vectors.
    private static void AddRest<T>(T* weight, int width, int k, float* x, int rows, float* y, int stride) where T : unmanaged
    {
        for (var row = 0; row < rows; row++)
            for (var n = 0; n < Tile; n++)
                y[((long)row * stride) + n] = Rest(y[((long)row * stride) + n], weight + ((long)n * width), x + ((long)row * width), k, width);
    }

    private static float Rest<T>(float total, T* weight, float* x, int k, int width) where T : unmanaged
    {
        for (; k < width; k++) total = MathF.FusedMultiplyAdd(Elements.ToSingle(weight[k]), x[k], total);
        return total;
    }

    // The sum of each of four vectors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sum(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        var (p, q, r, s) = (a.GetLower() + a.GetUpper(), b.GetLower() + b.GetUpper(), c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper());
        if (!Sse.IsSupported) return Vector128.Create(Vector128.Sum(p), Vector128.Sum(q), Vector128.Sum(r), Vector128.Sum(s));
        var (first, last) = (Sse.UnpackLow(p, q) + Sse.UnpackHigh(p, q), Sse.UnpackLow(r, s) + Sse.UnpackHigh(r, s)); // p q p q, r s r s
        return Sse.MoveLowToHigh(first, last) + Sse.MoveHighToLow(last, first);
    }

    // What the next tile needs is fetched a piece at a time, while the rows are multiplied with this one.
    private static void PrefetchPart(byte* next, int bytes, int part, int parts)
    {
        if (!Sse.IsSupported) return;
        for (long line = (long)bytes * part / parts, end = (long)bytes * (part + 1) / parts; line < end; line += CacheLine) Sse.Prefetch1(next + line);
    }

    // Pages are 4 KiB, and the processor's own prefetching does not look beyond them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* next)
    {
        if (Sse.IsSupported) Sse.Prefetch0(next);
    }
}
