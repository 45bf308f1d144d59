using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gram.Models.Kernels;

/// <summary>The gated activation silu(gate) · up with silu(z) = z / (1 + e^−z) (Shazeer 2020, SwiGLU), and its gradient; float32 arithmetic on float or ushort (bfloat16).</summary>
internal static unsafe class GateKernels
{
    /// <summary>y = silu(gate) · up; y may be either.</summary>
    public static void Forward<T>(T* gate, T* up, T* y, int count) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) Forward<Lanes16, Vector512<float>, T>(gate, up, y, count);
        else Forward<Lanes8, Vector256<float>, T>(gate, up, y, count);
    }

    /// <summary>Gradients of gate and up from that of y.</summary>
    public static void Backward<T>(T* gate, T* up, T* dy, T* dGate, T* dUp, int count) where T : unmanaged
    {
        if (Vector512.IsHardwareAccelerated) Backward<Lanes16, Vector512<float>, T>(gate, up, dy, dGate, dUp, count);
        else Backward<Lanes8, Vector256<float>, T>(gate, up, dy, dGate, dUp, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Forward<L, V, T>(T* gate, T* up, T* y, int count) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var i = 0;
        for (; i + (2 * L.Count) <= count; i += 2 * L.Count) ForwardStep<L, V, T>(gate + i, up + i, y + i);
        if (i == count) return;
        T* g = stackalloc T[Elements.MostOfAStep], u = stackalloc T[Elements.MostOfAStep];
        ForwardStep<L, V, T>(Elements.Pad(gate + i, count - i, g), Elements.Pad(up + i, count - i, u), g);
        Elements.Unpad(g, count - i, y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Backward<L, V, T>(T* gate, T* up, T* dy, T* dGate, T* dUp, int count) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var i = 0;
        for (; i + (2 * L.Count) <= count; i += 2 * L.Count) BackwardStep<L, V, T>(gate + i, up + i, dy + i, dGate + i, dUp + i);
        if (i == count) return;
        T* g = stackalloc T[Elements.MostOfAStep], u = stackalloc T[Elements.MostOfAStep], d = stackalloc T[Elements.MostOfAStep];
        BackwardStep<L, V, T>(Elements.Pad(gate + i, count - i, g), Elements.Pad(up + i, count - i, u), Elements.Pad(dy + i, count - i, d), g, u);
        Elements.Unpad(g, count - i, dGate + i);
        Elements.Unpad(u, count - i, dUp + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ForwardStep<L, V, T>(T* gate, T* up, T* y) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var ((g, h), (u, v)) = (Elements.Load<L, V, T>(gate), Elements.Load<L, V, T>(up));
        Elements.Store<L, V, T>(L.Multiply(L.Multiply(g, Sigmoid<L, V>(g)), u), L.Multiply(L.Multiply(h, Sigmoid<L, V>(h)), v), y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void BackwardStep<L, V, T>(T* gate, T* up, T* dy, T* dGate, T* dUp) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        var ((g, h), (u, v), (d, e)) = (Elements.Load<L, V, T>(gate), Elements.Load<L, V, T>(up), Elements.Load<L, V, T>(dy));
        var ((dg, du), (dh, dv)) = (Gradients<L, V>(g, u, d), Gradients<L, V>(h, v, e));
        Elements.Store<L, V, T>(dg, dh, dGate);
        Elements.Store<L, V, T>(du, dv, dUp);
    }

    // With σ = 1 / (1 + e^−g): dGate = dy · u · σ · (1 + g · (1 − σ)), dUp = dy · g · σ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V Gate, V Up) Gradients<L, V>(V g, V u, V dy) where L : ILanes<V> where V : unmanaged
    {
        var sigmoid = Sigmoid<L, V>(g);
        var silu = L.Multiply(g, sigmoid);
        var slope = L.MultiplyAdd(silu, L.Multiply(sigmoid, L.All(-1)), L.Add(sigmoid, silu)); // σ + g·σ − g·σ²
        return (L.Multiply(L.Multiply(dy, u), slope), L.Multiply(dy, silu));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sigmoid<L, V>(V z) where L : ILanes<V> where V : unmanaged =>
        L.Divide(L.All(1), L.Add(L.All(1), Exponential.Of<L, V>(L.Multiply(z, L.All(-1)))));
}
