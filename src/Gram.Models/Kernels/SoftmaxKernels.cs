using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>Softmax of one row, whole or a block of it at a time, and its gradient. float32 sums whatever the numbers.</summary>
internal static unsafe class SoftmaxKernels
{
    private const float VeryLow = -1e30f; // e to it is 0; and not −∞, whose product with 0 is no number

    /// <summary>scores = softmax(scale · scores), in place; scale is positive. Returns log Σ exp(scale · scores).</summary>
    public static float Softmax(float* scores, int count, float scale) => Vector512.IsHardwareAccelerated
        ? Softmax<Lanes16, Vector512<float>>(scores, count, scale)
        : Softmax<Lanes8, Vector256<float>>(scores, count, scale);

    /// <summary>scores = P = exp(scale · scores − logSum), and dScores = scale · P ∘ (dScores − dot): the gradient of the scores before scaling, from that of P.</summary>
    /// <param name="scores">[keys]; those from <paramref name="seen"/> on become 0.</param>
    /// <param name="dScores">[keys]; likewise.</param>
    /// <param name="seen">Keys that the query sees.</param>
    /// <param name="keys">Keys of the block.</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="logSum">What <see cref="Softmax(float*, int, float)"/> returned.</param>
    /// <param name="dot">Σ of result · gradient of the result.</param>
    public static void Backward(float* scores, float* dScores, int seen, int keys, float scale, float logSum, float dot)
    {
        if (Vector512.IsHardwareAccelerated) Backward<Lanes16, Vector512<float>>(scores, dScores, seen, scale, logSum, dot);
        else Backward<Lanes8, Vector256<float>>(scores, dScores, seen, scale, logSum, dot);
        new Span<float>(scores + seen, keys - seen).Clear();
        new Span<float>(dScores + seen, keys - seen).Clear();
    }

    /// <summary>Adds a block of a row to what is known of the row's softmax, z = scale · logits.</summary>
    /// <param name="logits">[words], of float or of ushort (bfloat16).</param>
    /// <param name="words">Words of the block.</param>
    /// <param name="scale">Of the logits, positive.</param>
    /// <param name="max">The largest z yet; −∞ at first.</param>
    /// <param name="sum">Σ e^(z − max).</param>
    /// <param name="weighted">Σ e^(z − max) · (z − max), which the entropy is made of; null where nobody asks for it.</param>
    public static void Read<T>(T* logits, int words, float scale, ref float max, ref float sum, float* weighted) where T : unmanaged
    {
        var weighs = weighted != null;
        var top = MathF.Max(max, scale * (Vector512.IsHardwareAccelerated ? Max<Lanes16, Vector512<float>, T>(logits, words) : Max<Lanes8, Vector256<float>, T>(logits, words)));
        var (blockSum, blockWeighted) = Vector512.IsHardwareAccelerated ? Sums<Lanes16, Vector512<float>, T>(logits, words, scale, top, weighs) : Sums<Lanes8, Vector256<float>, T>(logits, words, scale, top, weighs);
        if (sum > 0) // what came before, as below its new maximum
        {
            var below = max - top;
            var factor = Exponential.Of(below);
            if (weighs) *weighted = (*weighted + (below * sum)) * factor;
            sum *= factor;
        }
        if (weighs) *weighted += blockWeighted;
        (max, sum) = (top, sum + blockSum);
    }

    /// <summary>logits = e^d · (slope · d + constant) with d = scale · logits − top, in place: the gradient of log-probs and entropies at all words but the target.</summary>
    public static void Differentiate<T>(T* logits, int words, float scale, float top, float slope, float constant) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) Differentiate<Lanes16, Vector512<float>, T>(logits, words, scale, top, slope, constant);
        else Differentiate<Lanes8, Vector256<float>, T>(logits, words, scale, top, slope, constant);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Softmax<L, V>(float* scores, int count, float scale) where L : ILanes<V> where V : unmanaged
    {
        var whole = count / L.Count * L.Count;
        var end = stackalloc float[Elements.MostOfAStep];
        Elements.Pad(scores + whole, count - whole, end, float.NegativeInfinity);
        var most = L.Load(end);
        for (var i = 0; i < whole; i += L.Count) most = L.Max(most, L.Load(scores + i));
        var largest = L.Max(most);
        var (factor, shift) = (L.All(scale), L.All(-largest * scale));
        var sums = Exponential.Of<L, V>(L.MultiplyAdd(L.Load(end), factor, shift));
        L.Store(sums, end);
        for (var i = 0; i < whole; i += L.Count)
        {
            var e = Exponential.Of<L, V>(L.MultiplyAdd(L.Load(scores + i), factor, shift));
            L.Store(e, scores + i);
            sums = L.Add(sums, e);
        }
        var sum = L.Sum(sums);
        factor = L.All(1 / sum);
        for (var i = 0; i < whole; i += L.Count) L.Store(L.Multiply(L.Load(scores + i), factor), scores + i);
        L.Store(L.Multiply(L.Load(end), factor), end);
        Elements.Unpad(end, count - whole, scores + whole);
        return (largest * scale) + MathF.Log(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Backward<L, V>(float* scores, float* dScores, int seen, float scale, float logSum, float dot) where L : ILanes<V> where V : unmanaged
    {
        var whole = seen / L.Count * L.Count;
        for (var i = 0; i < whole; i += L.Count) BackwardStep<L, V>(scores + i, dScores + i, scale, logSum, dot);
        if (whole == seen) return;
        float* p = stackalloc float[Elements.MostOfAStep], dP = stackalloc float[Elements.MostOfAStep];
        BackwardStep<L, V>(Elements.Pad(scores + whole, seen - whole, p), Elements.Pad(dScores + whole, seen - whole, dP), scale, logSum, dot);
        Elements.Unpad(p, seen - whole, scores + whole);
        Elements.Unpad(dP, seen - whole, dScores + whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void BackwardStep<L, V>(float* scores, float* dScores, float scale, float logSum, float dot) where L : ILanes<V> where V : unmanaged
    {
        var p = Exponential.Of<L, V>(L.MultiplyAdd(L.Load(scores), L.All(scale), L.All(-logSum)));
        L.Store(p, scores);
        L.Store(L.Multiply(L.Multiply(p, L.All(scale)), L.Add(L.Load(dScores), L.All(-dot))), dScores);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Max<L, V, T>(T* values, int count) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var (whole, step) = (count / (2 * L.Count) * 2 * L.Count, 2 * L.Count);
        var end = stackalloc T[Elements.MostOfAStep];
        var (first, second) = Elements.Load<L, V, T>(Elements.Pad(values + whole, count - whole, end, float.NegativeInfinity));
        for (var i = 0; i < whole; i += step)
        {
            var (a, b) = Elements.Load<L, V, T>(values + i);
            (first, second) = (L.Max(first, a), L.Max(second, b));
        }
        return L.Max(L.Max(first, second));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static (float Sum, float Weighted) Sums<L, V, T>(T* values, int count, float scale, float top, bool weighs) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var (whole, step) = (count / (2 * L.Count) * 2 * L.Count, 2 * L.Count);
        V sums = default, weighted = default;
        for (var i = 0; i < whole; i += step) Step(values + i, ref sums, ref weighted);
        if (whole < count)
        {
            var end = stackalloc T[Elements.MostOfAStep];
            Step(Elements.Pad(values + whole, count - whole, end, VeryLow), ref sums, ref weighted);
        }
        return (L.Sum(sums), L.Sum(weighted));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(T* place, ref V sum, ref V product)
        {
            var (a, b) = Elements.Load<L, V, T>(place);
            (a, b) = (L.MultiplyAdd(a, L.All(scale), L.All(-top)), L.MultiplyAdd(b, L.All(scale), L.All(-top)));
            var (p, q) = (Exponential.Of<L, V>(a), Exponential.Of<L, V>(b));
            sum = L.Add(sum, L.Add(p, q));
            if (weighs) product = L.MultiplyAdd(p, a, L.MultiplyAdd(q, b, product));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Differentiate<L, V, T>(T* logits, int words, float scale, float top, float slope, float constant) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var (whole, step) = (words / (2 * L.Count) * 2 * L.Count, 2 * L.Count);
        for (var i = 0; i < whole; i += step) DifferentiateStep<L, V, T>(logits + i, scale, top, slope, constant);
        if (whole == words) return;
        var end = stackalloc T[Elements.MostOfAStep];
        DifferentiateStep<L, V, T>(Elements.Pad(logits + whole, words - whole, end), scale, top, slope, constant);
        Elements.Unpad(end, words - whole, logits + whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DifferentiateStep<L, V, T>(T* logits, float scale, float top, float slope, float constant) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var (a, b) = Elements.Load<L, V, T>(logits);
        (a, b) = (L.MultiplyAdd(a, L.All(scale), L.All(-top)), L.MultiplyAdd(b, L.All(scale), L.All(-top)));
        Elements.Store<L, V, T>(
            L.Multiply(Exponential.Of<L, V>(a), L.MultiplyAdd(a, L.All(slope), L.All(constant))),
            L.Multiply(Exponential.Of<L, V>(b), L.MultiplyAdd(b, L.All(slope), L.All(constant))), logits);
    }
}
