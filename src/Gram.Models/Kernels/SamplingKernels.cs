using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>Passes over one row of float32 scores, from which a token is drawn: a vocabulary is read two or three times, and nothing of its size is written.</summary>
internal static unsafe class SamplingKernels
{
    /// <summary>Scores whose exponentials are summed together: a drawn token is looked for in one block only.</summary>
    public const int Block = 512;

    private const int Lanes = 8;

    /// <summary>Blocks of a row.</summary>
    public static int Blocks(int count) => (count + Block - 1) / Block;

    /// <summary>The largest score.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max(float* scores, int count)
    {
        var none = Vector256.Create(float.NegativeInfinity);
        var (a, b, c, d) = (none, none, none, none);
        var i = 0;
        for (; i + (4 * Lanes) <= count; i += 4 * Lanes)
        {
            a = Vector256.MaxNative(a, Vector256.Load(scores + i));
            b = Vector256.MaxNative(b, Vector256.Load(scores + i + Lanes));
            c = Vector256.MaxNative(c, Vector256.Load(scores + i + (2 * Lanes)));
            d = Vector256.MaxNative(d, Vector256.Load(scores + i + (3 * Lanes)));
        }
        var lanes = Vector256.MaxNative(Vector256.MaxNative(a, b), Vector256.MaxNative(c, d));
        var largest = float.NegativeInfinity;
        for (var lane = 0; lane < Lanes; lane++) largest = MathF.Max(largest, lanes[lane]);
        for (; i < count; i++) largest = MathF.Max(largest, scores[i]);
        return largest;
    }

    /// <summary>The first place of a value; 0 where it has none (a row that holds no numbers).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int IndexOf(float* scores, int count, float value)
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            var equal = Vector256.Equals(Vector256.Load(scores + i), Vector256.Create(value)).ExtractMostSignificantBits();
            if (equal != 0) return i + BitOperations.TrailingZeroCount(equal);
        }
        for (; i < count; i++)
        {
            if (scores[i] == value) return i;
        }
        return 0;
    }

    /// <summary>scores = scores / divisor, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Divide(float* scores, int count, float divisor)
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector256.Load(scores + i) / divisor).Store(scores + i);
        for (; i < count; i++) scores[i] /= divisor;
    }

    /// <summary>exponentials = e^(scores − max).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Exp(float* scores, int count, float max, float* exponentials)
    {
        var i = 0;
        for (; i + Lanes <= count; i += Lanes) Exponential.Of<Lanes8, Vector256<float>>(Vector256.Load(scores + i) - Vector256.Create(max)).Store(exponentials + i);
        for (; i < count; i++) exponentials[i] = Exponential.Of(scores[i] - max);
    }

    /// <summary>Σ e^(scores − max) in float64, block by block.</summary>
    /// <param name="scores">[count].</param>
    /// <param name="count">Scores.</param>
    /// <param name="max">The largest.</param>
    /// <param name="blockSums">[<see cref="Blocks"/>] sums of the blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double SumExp(float* scores, int count, float max, double* blockSums)
    {
        var total = 0.0;
        var exponentials = stackalloc float[Block];
        for (var (start, block) = (0, 0); start < count; start += Block, block++)
        {
            var width = Math.Min(Block, count - start);
            Exp(scores + start, width, max, exponentials);
            total += blockSums[block] = Sum(exponentials, width);
        }
        return total;
    }

    /// <summary>Inverse transform: the first token whose cumulated e^(score − max) exceeds the target, which is below the sum of all.</summary>
    /// <param name="scores">[count].</param>
    /// <param name="count">Scores.</param>
    /// <param name="max">The largest.</param>
    /// <param name="blockSums">What <see cref="SumExp"/> made.</param>
    /// <param name="target">uniform · total.</param>
    public static int Draw(float* scores, int count, float max, double* blockSums, double target)
    {
        var (block, last, cumulated) = (0, Blocks(count) - 1, 0.0);
        while (block < last && !(cumulated + blockSums[block] > target)) cumulated += blockSums[block++];
        // Rounding may carry the target to the very end, past blocks that weigh nothing.
        while (block > 0 && blockSums[block] == 0) cumulated -= blockSums[--block];
        var start = block * Block;
        var width = Math.Min(Block, count - start);
        var exponentials = stackalloc float[Block];
        Exp(scores + start, width, max, exponentials);
        return start + Draw(exponentials, width, target - cumulated);
    }

    /// <summary>The first place whose cumulated weight exceeds the target; where rounding leaves none, the last with a weight. A weight of 0 is never drawn.</summary>
    public static int Draw(float* weights, int count, double target)
    {
        var (cumulated, last) = (0.0, 0);
        for (var i = 0; i < count; i++)
        {
            if (!(weights[i] > 0)) continue;
            cumulated += weights[i];
            if (cumulated > target) return i;
            last = i;
        }
        return last;
    }

    /// <summary>Σ values in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(float* values, int count)
    {
        Vector256<double> a = default, b = default;
        var i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(values + i));
            a += low;
            b += high;
        }
        var sum = Vector256.Sum(a + b);
        for (; i < count; i++) sum += values[i];
        return sum;
    }

    /// <summary>The places, in order, whose score is at least a threshold; returns how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int AtLeast(float* scores, int count, float threshold, int* places)
    {
        var (found, i) = (0, 0);
        for (; i + Lanes <= count; i += Lanes)
        {
            var hits = Vector256.GreaterThanOrEqual(Vector256.Load(scores + i), Vector256.Create(threshold)).ExtractMostSignificantBits();
            for (; hits != 0; hits &= hits - 1) places[found++] = i + BitOperations.TrailingZeroCount(hits);
        }
        for (; i < count; i++)
        {
            if (scores[i] >= threshold) places[found++] = i;
        }
        return found;
    }
}
