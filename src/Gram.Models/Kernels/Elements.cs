using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Kernels;

/// <summary>Numbers of a tensor, float or bfloat16 (read as ushort), as float32.</summary>
internal static unsafe class Elements
{
    /// <summary>Numbers that a kernel's step may take: two vectors of the widest kind.</summary>
    public const int MostOfAStep = 32;

    /// <summary>Whether kernels take tensors like this one.</summary>
    public static bool Take(Tensor x) => x.device_type == DeviceType.CPU && x.dtype is (ScalarType.Float32 or ScalarType.BFloat16);

    /// <summary>Two vectors of numbers: for float one after the other, for bfloat16 those in even places and those in odd ones, since that takes one shift and one mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (V First, V Second) Load<L, V, T>(T* values) where L : ILanes<V> where V : unmanaged where T : unmanaged =>
        typeof(T) == typeof(float) ? (L.Load((float*)values), L.Load((float*)values + L.Count)) : L.LoadEvenOdd((ushort*)values);

    /// <summary>Stores what <see cref="Load"/> loads, rounded to the nearest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<L, V, T>(V first, V second, T* values) where L : ILanes<V> where V : unmanaged where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            L.Store(first, (float*)values);
            L.Store(second, (float*)values + L.Count);
        }
        else
        {
            L.StoreEvenOdd(first, second, (ushort*)values);
        }
    }

    /// <summary>The nearest numbers of T, as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Rounded<L, V, T>(V vector) where L : ILanes<V> where V : unmanaged where T : unmanaged =>
        typeof(T) == typeof(float) ? vector : L.ToBFloat16(vector);

    /// <summary>The end of a row whose length is no multiple of a step, filled up.</summary>
    /// <param name="from">[count].</param>
    /// <param name="count">Numbers, fewer than a step.</param>
    /// <param name="to">[<see cref="MostOfAStep"/>].</param>
    /// <param name="filling">What follows them.</param>
    public static T* Pad<T>(T* from, int count, T* to, float filling = 0) where T : unmanaged
    {
        new ReadOnlySpan<T>(from, count).CopyTo(new Span<T>(to, MostOfAStep));
        new Span<T>(to + count, MostOfAStep - count).Fill(FromSingle<T>(filling));
        return to;
    }

    /// <summary>The first numbers of what was padded.</summary>
    public static void Unpad<T>(T* from, int count, T* to) where T : unmanaged => new ReadOnlySpan<T>(from, count).CopyTo(new Span<T>(to, count));

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
}
