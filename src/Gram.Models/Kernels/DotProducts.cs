using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Gram.Models.Kernels;

/// <summary>
/// Products of a few rows with a weight matrix as it lies in memory, float32 or bfloat16 (read as ushort). Every element is one sum
/// of eight lanes in the order of k, however many rows are computed together: a row's result does not depend on its neighbours.
/// </summary>
internal static unsafe class DotProducts
{
    private const int Lanes = 8, Tile = 4, RowsToWiden = 3;
    private const int FarAhead = 16 * 1024, Ahead = 4 * 1024; // bytes to prefetch: far where memory is the limit, near where what was prefetched would displace x

    /// <summary>Floats of scratch memory that <see cref="Multiply"/> needs.</summary>
    public static int ScratchLength(int width) => Tile * width;

    /// <summary>y[r, n] = Σ_k weight[n, k] · x[r, k] (or added to y) for all rows r and for n in [from, to).</summary>
    /// <param name="weight">[out, width], of float or of ushort (bfloat16).</param>
    /// <param name="width">Columns.</param>
    /// <param name="from">First n.</param>
    /// <param name="to">End of n.</param>
    /// <param name="x">[rows, width].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="y">Place of y[0, from].</param>
    /// <param name="stride">Distance of y's rows.</param>
    /// <param name="scratch"><see cref="ScratchLength"/> floats, of this thread alone.</param>
    /// <param name="add">Whether y is added to.</param>
    public static void Multiply<T>(T* weight, int width, int from, int to, float* x, int rows, float* y, int stride, float* scratch, bool add = false) where T : unmanaged
    {
        var n = from;
        for (; n + Tile <= to; n += Tile, y += Tile)
        {
            var tile = weight + (long)n * width;
            // Widening once pays as soon as several rows read the tile.
            if (typeof(T) == typeof(ushort) && rows >= RowsToWiden)
            {
                Widen(tile, scratch, Tile * width);
                MultiplyTile(scratch, width, x, rows, y, stride, add);
            }
            else
            {
                MultiplyTile(tile, width, x, rows, y, stride, add);
            }
        }
        for (; n < to; n++, y++)
            for (var row = 0; row < rows; row++) Put(y + (long)row * stride, Dot(weight + (long)n * width, x + (long)row * width, width), add);
    }

    /// <summary>Σ_k a[k] · b[k].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot<T>(T* a, float* b, int width) where T : unmanaged
    {
        Vector256<float> sum = default;
        var k = 0;
        for (; k + Lanes <= width; k += Lanes) sum = Vector256.FusedMultiplyAdd(Load(a + k), Vector256.Load(b + k), sum);
        var total = Vector256.Sum(sum);
        for (; k < width; k++) total = MathF.FusedMultiplyAdd(ToSingle(a[k]), b[k], total);
        return total;
    }

    /// <summary>Eight elements as float32: bfloat16 is the upper half of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load<T>(T* values) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return Vector256.Load((float*)values);
        if (Avx2.IsSupported) return Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)values), 16).AsSingle();
        var (low, high) = Vector128.Widen(Vector128.Load((ushort*)values));
        return Vector256.ShiftLeft(Vector256.Create(low, high), 16).AsSingle();
    }

    /// <summary>One element as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle<T>(T value) where T : unmanaged =>
        typeof(T) == typeof(float) ? Unsafe.BitCast<T, float>(value) : BitConverter.UInt32BitsToSingle((uint)Unsafe.BitCast<T, ushort>(value) << 16);

    /// <summary>One float32 as T: to the nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T FromSingle<T>(float value) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return Unsafe.BitCast<float, T>(value);
        var bits = BitConverter.SingleToUInt32Bits(value);
        return Unsafe.BitCast<ushort, T>((ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16));
    }

    /// <summary>Widens a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen<T>(T* from, float* to, int count) where T : unmanaged
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            if (i % 32 == 0) Prefetch(from + i, Ahead);
            Load(from + i).Store(to + i);
        }
        for (; i < count; i++) to[i] = ToSingle(from[i]);
    }

    // Four rows of the weight with two rows of x at a time: eight sums, which hides the latency of a multiplication.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTile<T>(T* weight, int width, float* x, int rows, float* y, int stride, bool add) where T : unmanaged
    {
        T* w0 = weight, w1 = weight + width, w2 = weight + 2L * width, w3 = weight + 3L * width;
        var ahead = rows < RowsToWiden ? FarAhead : Ahead;
        var row = 0;
        for (; row + 2 <= rows; row += 2, x += 2L * width, y += 2L * stride)
        {
            var second = x + width;
            Vector256<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            var k = 0;
            for (; k + Lanes <= width; k += Lanes)
            {
                var (a, b) = (Vector256.Load(x + k), Vector256.Load(second + k));
                if (row == 0) Prefetch(weight + (Tile * k), ahead);
                var w = Load(w0 + k);
                a0 = Vector256.FusedMultiplyAdd(w, a, a0);
                b0 = Vector256.FusedMultiplyAdd(w, b, b0);
                w = Load(w1 + k);
                a1 = Vector256.FusedMultiplyAdd(w, a, a1);
                b1 = Vector256.FusedMultiplyAdd(w, b, b1);
                w = Load(w2 + k);
                a2 = Vector256.FusedMultiplyAdd(w, a, a2);
                b2 = Vector256.FusedMultiplyAdd(w, b, b2);
                w = Load(w3 + k);
                a3 = Vector256.FusedMultiplyAdd(w, a, a3);
                b3 = Vector256.FusedMultiplyAdd(w, b, b3);
            }
            Finish(a0, a1, a2, a3, weight, x, k, width, y, add);
            Finish(b0, b1, b2, b3, weight, second, k, width, y + stride, add);
        }
        if (row < rows)
        {
            Vector256<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var k = 0;
            for (; k + Lanes <= width; k += Lanes)
            {
                var a = Vector256.Load(x + k);
                Prefetch(weight + (Tile * k), ahead);
                a0 = Vector256.FusedMultiplyAdd(Load(w0 + k), a, a0);
                a1 = Vector256.FusedMultiplyAdd(Load(w1 + k), a, a1);
                a2 = Vector256.FusedMultiplyAdd(Load(w2 + k), a, a2);
                a3 = Vector256.FusedMultiplyAdd(Load(w3 + k), a, a3);
            }
            Finish(a0, a1, a2, a3, weight, x, k, width, y, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<T>(Vector256<float> s0, Vector256<float> s1, Vector256<float> s2, Vector256<float> s3, T* weight, float* x, int k, int width, float* y, bool add) where T : unmanaged
    {
        Put(y, Rest(Vector256.Sum(s0), weight, x, k, width), add);
        Put(y + 1, Rest(Vector256.Sum(s1), weight + width, x, k, width), add);
        Put(y + 2, Rest(Vector256.Sum(s2), weight + (2L * width), x, k, width), add);
        Put(y + 3, Rest(Vector256.Sum(s3), weight + (3L * width), x, k, width), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Rest<T>(float total, T* weight, float* x, int k, int width) where T : unmanaged
    {
        for (; k < width; k++) total = MathF.FusedMultiplyAdd(ToSingle(weight[k]), x[k], total);
        return total;
    }

    // The processor's own prefetching follows streams, and a tile is four short ones: the next tiles are asked for in the order of memory.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<T>(T* tile, int ahead) where T : unmanaged
    {
        if (!Sse.IsSupported) return;
        Sse.Prefetch0((byte*)tile + ahead);
        if (sizeof(T) == sizeof(float)) Sse.Prefetch0((byte*)tile + ahead + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* place, float value, bool add) => *place = add ? *place + value : value;
}
