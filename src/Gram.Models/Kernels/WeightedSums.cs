using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>
/// Sums of rows with weights, which is a product whose right factor lies row by row: nothing is summed across a vector, as a dot
/// product must be, so it is the faster form where rows are short. Every element is one sum in the order of the rows.
/// </summary>
internal static unsafe class WeightedSums
{
    private const int Tile = 4; // queries that are computed together: with two vectors each, eight sums hide the latency of a multiplication

    /// <summary>y[q, :] = Σ_j weights[q, j] · rows[j, :] (or added to y) for all q.</summary>
    /// <param name="weights">[queries, count].</param>
    /// <param name="queries">Queries.</param>
    /// <param name="rows">[count, width], of float or of ushort (bfloat16).</param>
    /// <param name="rowStride">Distance of two rows.</param>
    /// <param name="count">Rows.</param>
    /// <param name="y">[queries, width].</param>
    /// <param name="stride">Distance of y's rows.</param>
    /// <param name="width">Width of a row.</param>
    /// <param name="add">Whether y is added to.</param>
    public static void Of<T>(Weights weights, int queries, T* rows, int rowStride, int count, float* y, int stride, int width, bool add = false) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) Of<Lanes16, Vector512<float>, T>(weights, queries, rows, rowStride, count, y, stride, width, add);
        else Of<Lanes8, Vector256<float>, T>(weights, queries, rows, rowStride, count, y, stride, width, add);
    }

    /// <summary>The same on vectors of a width.</summary>
    internal static void Of<L, V, T>(Weights weights, int queries, T* rows, int rowStride, int count, float* y, int stride, int width, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var d = 0;
        for (; d + (2 * L.Count) <= width; d += 2 * L.Count)
        {
            var q = 0;
            for (; q + Tile <= queries; q += Tile) FourSums<L, V, T>(weights.From(q), rows + d, rowStride, count, y + ((long)q * stride) + d, stride, add);
            for (; q < queries; q++) OneSum<L, V, T>(weights.From(q), rows + d, rowStride, count, y + ((long)q * stride) + d, add);
        }
        for (; d < width; d++)
        {
            for (var q = 0; q < queries; q++)
            {
                var (place, weight) = ((long)q * stride + d, weights.From(q));
                var sum = add ? y[place] : 0;
                for (var j = 0; j < count; j++) sum = MathF.FusedMultiplyAdd(weight.Data[(long)j * weight.Row], Elements.ToSingle(rows[((long)j * rowStride) + d]), sum);
                y[place] = sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneSum<L, V, T>(Weights weights, T* rows, int rowStride, int count, float* y, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var w = weights.Data;
        long step = weights.Row;
        var (s0, s1) = Start<L, V, T>(y, add);
        for (var j = 0; j < count; j++, rows += rowStride, w += step)
        {
            var (a, b) = Elements.Load<L, V, T>(rows);
            var v = L.All(*w);
            (s0, s1) = (L.MultiplyAdd(v, a, s0), L.MultiplyAdd(v, b, s1));
        }
        Put<L, V, T>(s0, s1, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourSums<L, V, T>(Weights weights, T* rows, int rowStride, int count, float* y, int stride, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        long step = weights.Row, apart = weights.Query;
        float* wa = weights.Data, wb = wa + apart, wc = wb + apart, wd = wc + apart;
        var (a0, a1) = Start<L, V, T>(y, add);
        var (b0, b1) = Start<L, V, T>(y + stride, add);
        var (c0, c1) = Start<L, V, T>(y + (2L * stride), add);
        var (d0, d1) = Start<L, V, T>(y + (3L * stride), add);
        for (var j = 0; j < count; j++, rows += rowStride, wa += step, wb += step, wc += step, wd += step)
        {
            var (p, q) = Elements.Load<L, V, T>(rows);
            var w = L.All(*wa);
            (a0, a1) = (L.MultiplyAdd(w, p, a0), L.MultiplyAdd(w, q, a1));
            w = L.All(*wb);
            (b0, b1) = (L.MultiplyAdd(w, p, b0), L.MultiplyAdd(w, q, b1));
            w = L.All(*wc);
            (c0, c1) = (L.MultiplyAdd(w, p, c0), L.MultiplyAdd(w, q, c1));
            w = L.All(*wd);
            (d0, d1) = (L.MultiplyAdd(w, p, d0), L.MultiplyAdd(w, q, d1));
        }
        Put<L, V, T>(a0, a1, y);
        Put<L, V, T>(b0, b1, y + stride);
        Put<L, V, T>(c0, c1, y + (2L * stride));
        Put<L, V, T>(d0, d1, y + (3L * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V First, V Second) Start<L, V, T>(float* y, bool add) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        if (!add) return default;
        var (first, second) = (L.Load(y), L.Load(y + L.Count));
        return typeof(T) == typeof(ushort) ? L.Split(first, second) : (first, second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L, V, T>(V first, V second, float* y) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        if (typeof(T) == typeof(ushort)) (first, second) = L.Merge(first, second);
        L.Store(first, y);
        L.Store(second, y + L.Count);
    }
}

/// <summary>Weights [queries, rows] of <see cref="WeightedSums"/>, which may also lie transposed.</summary>
/// <param name="data">The first.</param>
/// <param name="query">Distance of two queries' weights.</param>
/// <param name="row">Distance of two rows' weights.</param>
internal readonly unsafe struct Weights(float* data, int query, int row)
{
    /// <summary>The first.</summary>
    public float* Data { get; } = data;
    /// <summary>Distance of two queries' weights.</summary>
    public int Query { get; } = query;
    /// <summary>Distance of two rows' weights.</summary>
    public int Row { get; } = row;

    /// <summary>Those from a query on.</summary>
    public Weights From(int first) => new(Data + ((long)first * Query), Query, Row);
}
