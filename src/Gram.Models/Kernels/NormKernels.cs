using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>The root-mean-square norm of one row, y = x · s · weight with s = rsqrt(mean(x²) + epsilon), and its gradient; float32 arithmetic on float or ushort (bfloat16).</summary>
internal static unsafe class NormKernels
{
    /// <summary>y, of which x · s is rounded to T before the weight as Hugging Face does; returns s.</summary>
    public static float Forward<T>(T* x, T* weight, T* y, int width, double epsilon) where T : unmanaged => Vector512.IsHardwareAccelerated
        ? Forward<Lanes16, Vector512<float>, T>(x, weight, y, width, epsilon)
        : Forward<Lanes8, Vector256<float>, T>(x, weight, y, width, epsilon);

    /// <summary>dx = s · (dy ∘ weight − x · s² · mean(dy ∘ weight ∘ x)); dWeight += dy ∘ (x · s), in the order of <see cref="Sum"/>, where it is given.</summary>
    /// <param name="x">[width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="dy">[width].</param>
    /// <param name="dx">[width]; may be dy.</param>
    /// <param name="dWeight">[width] or null.</param>
    /// <param name="width">Numbers of the row.</param>
    /// <param name="scale">s, what <see cref="Forward{T}"/> returned.</param>
    public static void Backward<T>(T* x, T* weight, T* dy, T* dx, float* dWeight, int width, float scale) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) Backward<Lanes16, Vector512<float>, T>(x, weight, dy, dx, dWeight, width, scale);
        else Backward<Lanes8, Vector256<float>, T>(x, weight, dy, dx, dWeight, width, scale);
    }

    /// <summary>The weight's gradient as T: the sum of what rows were added to, in their order.</summary>
    /// <param name="parts">[count, width].</param>
    /// <param name="count">Parts.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="dWeight">[width].</param>
    public static void Sum<T>(float* parts, int count, int width, T* dWeight) where T : unmanaged
    {
        for (var part = 1; part < count; part++) RowKernels.Add(parts, parts + ((long)part * width), width);
        if (Vector512.IsHardwareAccelerated) Put<Lanes16, Vector512<float>, T>(parts, width, dWeight);
        else Put<Lanes8, Vector256<float>, T>(parts, width, dWeight);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Forward<L, V, T>(T* x, T* weight, T* y, int width, double epsilon) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var (step, i) = (2 * L.Count, 0);
        V squares = default, others = default;
        for (; i + step <= width; i += step)
        {
            var (a, b) = Elements.Load<L, V, T>(x + i);
            (squares, others) = (L.MultiplyAdd(a, a, squares), L.MultiplyAdd(b, b, others));
        }
        var total = L.Sum(L.Add(squares, others));
        for (; i < width; i++) total += Elements.ToSingle(x[i]) * Elements.ToSingle(x[i]);
        var scale = 1 / MathF.Sqrt((total / width) + (float)epsilon);
        var factor = L.All(scale);
        for (i = 0; i + step <= width; i += step)
        {
            var ((a, b), (p, q)) = (Elements.Load<L, V, T>(x + i), Elements.Load<L, V, T>(weight + i));
            Elements.Store<L, V, T>(L.Multiply(Elements.Rounded<L, V, T>(L.Multiply(a, factor)), p), L.Multiply(Elements.Rounded<L, V, T>(L.Multiply(b, factor)), q), y + i);
        }
        for (; i < width; i++) y[i] = Elements.FromSingle<T>(Normed(x[i], scale) * Elements.ToSingle(weight[i]));
        return scale;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Backward<L, V, T>(T* x, T* weight, T* dy, T* dx, float* dWeight, int width, float scale) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var (step, i) = (2 * L.Count, 0);
        V products = default, others = default;
        for (; i + step <= width; i += step)
        {
            var ((a, b), (p, q), (d, e)) = (Elements.Load<L, V, T>(x + i), Elements.Load<L, V, T>(weight + i), Elements.Load<L, V, T>(dy + i));
            (products, others) = (L.MultiplyAdd(L.Multiply(d, p), a, products), L.MultiplyAdd(L.Multiply(e, q), b, others));
        }
        var total = L.Sum(L.Add(products, others));
        for (; i < width; i++) total += Elements.ToSingle(dy[i]) * Elements.ToSingle(weight[i]) * Elements.ToSingle(x[i]);
        var share = -total / width * scale * scale;
        var (factor, minus) = (L.All(scale), L.All(share));
        for (i = 0; i + step <= width; i += step)
        {
            var ((a, b), (p, q), (d, e)) = (Elements.Load<L, V, T>(x + i), Elements.Load<L, V, T>(weight + i), Elements.Load<L, V, T>(dy + i));
            Elements.Store<L, V, T>(L.Multiply(factor, L.MultiplyAdd(d, p, L.Multiply(a, minus))), L.Multiply(factor, L.MultiplyAdd(e, q, L.Multiply(b, minus))), dx + i);
            if (dWeight == null) continue;
            L.Store(L.MultiplyAdd(d, Elements.Rounded<L, V, T>(L.Multiply(a, factor)), L.Load(dWeight + i)), dWeight + i);
            L.Store(L.MultiplyAdd(e, Elements.Rounded<L, V, T>(L.Multiply(b, factor)), L.Load(dWeight + i + L.Count)), dWeight + i + L.Count);
        }
        for (; i < width; i++)
        {
            var (value, upstream) = (x[i], Elements.ToSingle(dy[i]));
            dx[i] = Elements.FromSingle<T>(scale * ((upstream * Elements.ToSingle(weight[i])) + (Elements.ToSingle(value) * share)));
            if (dWeight != null) dWeight[i] += upstream * Normed(value, scale);
        }
    }

    internal static void Put<L, V, T>(float* from, int width, T* to) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var i = 0;
        for (; i + (2 * L.Count) <= width; i += 2 * L.Count) Elements.Store<L, V, T>(L.Load(from + i), L.Load(from + i + L.Count), to + i);
        for (; i < width; i++) to[i] = Elements.FromSingle<T>(from[i]);
    }

    // x · s as a number of T.
    private static float Normed<T>(T x, float scale) where T : unmanaged => Elements.ToSingle(Elements.FromSingle<T>(Elements.ToSingle(x) * scale));
}
