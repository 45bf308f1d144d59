using System.Numerics;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>Where sampling filters cut, found by partial selection: a vocabulary is never sorted.</summary>
internal static unsafe class Selection
{
    private const int Lanes = 8, Buckets = 1024;

    /// <summary>Room that <see cref="Largest"/> needs: a few times k, so that it selects rarely.</summary>
    public static int Room(int k) => (2 * k) + 256;

    /// <summary>The k-th largest score (of fewer scores the smallest).</summary>
    /// <param name="scores">[count].</param>
    /// <param name="count">Scores.</param>
    /// <param name="k">From 1.</param>
    /// <param name="room">[<see cref="Room"/>], overwritten.</param>
    public static float Largest(float* scores, int count, int k, float* room)
    {
        if (k >= count) return float.NegativeInfinity;
        var (held, capacity, threshold) = (0, Room(k), float.NegativeInfinity);
        for (var i = 0; i < count; i += Lanes)
        {
            if (held + Lanes > capacity)
            {
                threshold = Descending(room, held, k - 1);
                held = k;
            }
            // Nearly all of a vocabulary is below the k-th largest of what came before it.
            var hits = i + Lanes <= count ? Vector256.GreaterThan(Vector256.Load(scores + i), Vector256.Create(threshold)).ExtractMostSignificantBits() : (1u << (count - i)) - 1;
            for (; hits != 0; hits &= hits - 1) room[held++] = scores[i + BitOperations.TrailingZeroCount(hits)];
        }
        return held < k ? float.NegativeInfinity : Descending(room, held, k - 1);
    }

    /// <summary>Where top-p cuts: the smallest score that stays, and how many of those equal to it go (those with the lowest ids).</summary>
    /// <param name="scores">[count].</param>
    /// <param name="weights">[count] e^(score − max).</param>
    /// <param name="count">At least 1.</param>
    /// <param name="below">Weight of tokens below all of these.</param>
    /// <param name="removable">Tokens are removed in ascending order of their scores while their cumulated weight is at most this.</param>
    /// <param name="scoreRoom">[count], overwritten.</param>
    /// <param name="weightRoom">[count], overwritten.</param>
    public static (float Threshold, int Skipped) Cut(float* scores, float* weights, int count, double below, double removable, float* scoreRoom, float* weightRoom)
    {
        // Weights by score, in buckets, say in which one the cut lies: only that one is looked at closely.
        var (max, min) = (SamplingKernels.Max(scores, count), float.PositiveInfinity);
        for (var i = 0; i < count; i++) min = MathF.Min(min, scores[i]);
        var scale = max > min ? (Buckets - 1) / (max - min) : 0;
        var buckets = stackalloc double[Buckets]; // the largest scores in the first
        for (var i = 0; i < count; i++) buckets[Bucket(scores[i])] += weights[i];
        var bucket = Buckets - 1;
        for (; bucket > 0 && below + buckets[bucket] <= removable; bucket--) below += buckets[bucket];
        var inside = 0;
        for (var i = 0; i < count; i++)
        {
            if (Bucket(scores[i]) == bucket) (scoreRoom[inside], weightRoom[inside++]) = (scores[i], weights[i]);
        }
        return inside == 0 ? (max, 0) : Cut(scoreRoom, weightRoom, inside, below, removable);

        // A row that holds no numbers must not lead outside.
        int Bucket(float score) => Math.Clamp((int)((max - score) * scale), 0, Buckets - 1);
    }

    private static (float Threshold, int Skipped) Cut(float* scores, float* weights, int count, double below, double removable)
    {
        var (from, to) = (0, count);
        while (true)
        {
            var pivot = Median(scores[from], scores[from + ((to - from) / 2)], scores[to - 1]);
            // [from, less) < pivot, [less, more) = pivot, [more, to) > pivot.
            var (less, i, more) = (from, from, to);
            var weightOfLess = 0.0;
            while (i < more)
            {
                if (scores[i] < pivot)
                {
                    weightOfLess += weights[i];
                    Swap(scores, weights, i++, less++);
                }
                else if (scores[i] > pivot)
                {
                    Swap(scores, weights, i, --more);
                }
                else
                {
                    i++;
                }
            }
            if (below + weightOfLess > removable)
            {
                to = less;
                continue;
            }
            below += weightOfLess;
            var skipped = 0;
            for (; skipped < more - less && below + weights[less] <= removable; skipped++) below += weights[less];
            if (skipped < more - less) return (pivot, skipped);
            // The likeliest always stays.
            if (more == to) return (pivot, skipped - 1);
            from = more;
        }
    }

    /// <summary>Puts the largest values first; returns the one at a place of the descending order.</summary>
    private static float Descending(float* values, int count, int place)
    {
        var (from, to) = (0, count);
        while (true)
        {
            var pivot = Median(values[from], values[from + ((to - from) / 2)], values[to - 1]);
            var (more, i, less) = (from, from, to);
            while (i < less)
            {
                if (values[i] > pivot)
                {
                    (values[i], values[more]) = (values[more], values[i]);
                    (more, i) = (more + 1, i + 1);
                }
                else if (values[i] < pivot)
                {
                    less--;
                    (values[i], values[less]) = (values[less], values[i]);
                }
                else
                {
                    i++;
                }
            }
            if (place < more) to = more;
            else if (place >= less) from = less;
            else return pivot;
        }
    }

    private static float Median(float a, float b, float c) => MathF.Max(MathF.Min(a, b), MathF.Min(MathF.Max(a, b), c));

    private static void Swap(float* scores, float* weights, int i, int j)
    {
        (scores[i], scores[j]) = (scores[j], scores[i]);
        (weights[i], weights[j]) = (weights[j], weights[i]);
    }
}
