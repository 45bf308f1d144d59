using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Gram.Models.Kernels;

/// <summary>What kernels need of a vector of float32, so that one text serves registers of both widths. bfloat16 is the upper half of float32, and is read as ushort.</summary>
internal unsafe interface ILanes<V> where V : unmanaged
{
    /// <summary>Numbers of a vector.</summary>
    static abstract int Count { get; }
    /// <summary>Count numbers.</summary>
    static abstract V Load(float* values);
    /// <summary>The same number Count times.</summary>
    static abstract V All(float value);
    /// <summary>Stores Count numbers.</summary>
    static abstract void Store(V vector, float* values);
    /// <summary>a · b + c.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);
    /// <summary>2 · Count bfloat16 numbers: those in even places, and those in odd ones.</summary>
    static abstract (V Even, V Odd) LoadEvenOdd(ushort* values);
    /// <summary>Two consecutive vectors to the numbers in their even places, and those in odd ones.</summary>
    static abstract (V Even, V Odd) Split(V first, V second);
    /// <summary>The other way round.</summary>
    static abstract (V First, V Second) Merge(V even, V odd);
    /// <summary>Sum of the numbers.</summary>
    static abstract float Sum(V vector);
    /// <summary>Half as many sums of two, half a vector apart.</summary>
    static abstract Vector256<float> Halve(V vector);
}

/// <summary>512 bits.</summary>
internal readonly unsafe struct Lanes16 : ILanes<Vector512<float>>
{
    public static int Count => 16;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* values) => Vector512.Load(values);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> All(float value) => Vector512.Create(value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> vector, float* values) => vector.Store(values);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Even, Vector512<float> Odd) LoadEvenOdd(ushort* values)
    {
        var both = Vector512.Load((uint*)values);
        return ((both << 16).AsSingle(), (both & Vector512.Create(0xFFFF0000u)).AsSingle());
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Even, Vector512<float> Odd) Split(Vector512<float> first, Vector512<float> second)
    {
        var order = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        (first, second) = (Vector512.Shuffle(first, order), Vector512.Shuffle(second, order));
        return (Vector512.Create(first.GetLower(), second.GetLower()), Vector512.Create(first.GetUpper(), second.GetUpper()));
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> First, Vector512<float> Second) Merge(Vector512<float> even, Vector512<float> odd)
    {
        var order = Vector512.Create(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
        return (Vector512.Shuffle(Vector512.Create(even.GetLower(), odd.GetLower()), order), Vector512.Shuffle(Vector512.Create(even.GetUpper(), odd.GetUpper()), order));
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> vector) => Vector512.Sum(vector);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halve(Vector512<float> vector) => vector.GetLower() + vector.GetUpper();
}

/// <summary>256 bits.</summary>
internal readonly unsafe struct Lanes8 : ILanes<Vector256<float>>
{
    public static int Count => 8;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* values) => Vector256.Load(values);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> All(float value) => Vector256.Create(value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> vector, float* values) => vector.Store(values);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(a, b, c);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Even, Vector256<float> Odd) LoadEvenOdd(ushort* values)
    {
        var both = Vector256.Load((uint*)values);
        return ((both << 16).AsSingle(), (both & Vector256.Create(0xFFFF0000u)).AsSingle());
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Even, Vector256<float> Odd) Split(Vector256<float> first, Vector256<float> second)
    {
        var order = Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7);
        (first, second) = (Vector256.Shuffle(first, order), Vector256.Shuffle(second, order));
        return (Vector256.Create(first.GetLower(), second.GetLower()), Vector256.Create(first.GetUpper(), second.GetUpper()));
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> First, Vector256<float> Second) Merge(Vector256<float> even, Vector256<float> odd)
    {
        var order = Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7);
        return (Vector256.Shuffle(Vector256.Create(even.GetLower(), odd.GetLower()), order), Vector256.Shuffle(Vector256.Create(even.GetUpper(), odd.GetUpper()), order));
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> vector) => Vector256.Sum(vector);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halve(Vector256<float> vector) => vector;
}
