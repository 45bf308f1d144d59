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
        for (var i = 0; i < count; i++) x[i] += y[i];
    }

    /// <summary>Stores float32 numbers as T.</summary>
    public static void Narrow<T>(float* from, T* to, int count) where T : unmanaged
    {
        for (var i = 0; i < count; i++) to[i] = DotProducts.FromSingle<T>(from[i]);
    }

    /// <summary>scores = softmax(scale · scores), in place; scale is positive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* scores, int count, float scale)
    {
        var largest = float.NegativeInfinity;
        for (var j = 0; j < count; j++) largest = MathF.Max(largest, scores[j]);
        Vector256<float> sums = default;
        var i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            var e = Vector256.Exp((Vector256.Load(scores + i) - Vector256.Create(largest)) * scale);
            e.Store(scores + i);
            sums += e;
        }
        var sum = Vector256.Sum(sums);
        for (; i < count; i++) sum += scores[i] = MathF.Exp((scores[i] - largest) * scale);
        for (var j = 0; j < count; j++) scores[j] /= sum;
    }

    /// <summary>y = Σ_j weights[j] · rows[j, :], for rows [count, width] of float or of ushort (bfloat16).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WeightedSum<T>(float* weights, T* rows, int count, float* y, int width) where T : unmanaged
    {
        var d = 0;
        for (; d + (4 * Lanes) <= width; d += 4 * Lanes)
        {
            Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
            var row = rows + d;
            for (var j = 0; j < count; j++, row += width)
            {
                var w = Vector256.Create(weights[j]);
                s0 = Vector256.FusedMultiplyAdd(w, DotProducts.Load(row), s0);
                s1 = Vector256.FusedMultiplyAdd(w, DotProducts.Load(row + Lanes), s1);
                s2 = Vector256.FusedMultiplyAdd(w, DotProducts.Load(row + (2 * Lanes)), s2);
                s3 = Vector256.FusedMultiplyAdd(w, DotProducts.Load(row + (3 * Lanes)), s3);
            }
            s0.Store(y + d);
            s1.Store(y + d + Lanes);
            s2.Store(y + d + (2 * Lanes));
            s3.Store(y + d + (3 * Lanes));
        }
        for (; d < width; d++)
        {
            var sum = 0f;
            for (var j = 0; j < count; j++) sum = MathF.FusedMultiplyAdd(weights[j], DotProducts.ToSingle(rows[((long)j * width) + d]), sum);
            y[d] = sum;
        }
    }
}
