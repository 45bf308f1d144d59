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
    /// <summary>a + b.</summary>
    static abstract V Add(V a, V b);
    /// <summary>a · b.</summary>
    static abstract V Multiply(V a, V b);
    /// <summary>a / b.</summary>
    static abstract V Divide(V a, V b);
    /// <summary>a · b + c, rounded once.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);
    /// <summary>The larger of each two; b where one is no number.</summary>
    static abstract V Max(V a, V b);
    /// <summary>The smaller of each two; b where one is no number.</summary>
    static abstract V Min(V a, V b);
    /// <summary>The nearest whole numbers, ties to even.</summary>
    static abstract V Round(V vector);
    /// <summary>x · 2^n of whole numbers n from −254 to 254.</summary>
    static abstract V Scale(V x, V n);
    /// <summary>The nearest bfloat16 numbers, ties to even, as float32.</summary>
    static abstract V ToBFloat16(V vector);
    /// <summary>2 · Count bfloat16 numbers: those in even places, and those in odd ones.</summary>
    static abstract (V Even, V Odd) LoadEvenOdd(ushort* values);
    /// <summary>Stores 2 · Count bfloat16 numbers, rounded to the nearest.</summary>
    static abstract void StoreEvenOdd(V even, V odd, ushort* values);
    /// <summary>Two consecutive vectors to the numbers in their even places, and those in odd ones.</summary>
    static abstract (V Even, V Odd) Split(V first, V second);
    /// <summary>The other way round.</summary>
    static abstract (V First, V Second) Merge(V even, V odd);
    /// <summary>Sum of the numbers.</summary>
    static abstract float Sum(V vector);
    /// <summary>The largest number.</summary>
    static abstract float Max(V vector);
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
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> vector) => Vector512.Round(vector);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scale(Vector512<float> x, Vector512<float> n)
    {
        // In two steps: 2^n itself may be no normal number where the result is one.
        var (whole, bias) = (Vector512.ConvertToInt32Native(n), Vector512.Create(127));
        var half = whole >> 1;
        return x * (half + bias << 23).AsSingle() * (whole - half + bias << 23).AsSingle();
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToBFloat16(Vector512<float> vector)
    {
        var bits = vector.AsUInt32();
        return (bits + Vector512.Create(0x7FFFu) + (bits >> 16 & Vector512<uint>.One) & Vector512.Create(0xFFFF0000u)).AsSingle();
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Even, Vector512<float> Odd) LoadEvenOdd(ushort* values)
    {
        var both = Vector512.Load((uint*)values);
        return ((both << 16).AsSingle(), (both & Vector512.Create(0xFFFF0000u)).AsSingle());
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreEvenOdd(Vector512<float> even, Vector512<float> odd, ushort* values) => (ToBFloat16(even).AsUInt32() >> 16 | ToBFloat16(odd).AsUInt32()).Store((uint*)values);
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
    public static float Max(Vector512<float> vector) => Lanes8.Max(Vector256.Max(vector.GetLower(), vector.GetUpper()));
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
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(a, b, c);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> vector) => Vector256.Round(vector);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> x, Vector256<float> n)
    {
        // In two steps: 2^n itself may be no normal number where the result is one.
        var (whole, bias) = (Vector256.ConvertToInt32Native(n), Vector256.Create(127));
        var half = whole >> 1;
        return x * (half + bias << 23).AsSingle() * (whole - half + bias << 23).AsSingle();
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToBFloat16(Vector256<float> vector)
    {
        var bits = vector.AsUInt32();
        return (bits + Vector256.Create(0x7FFFu) + (bits >> 16 & Vector256<uint>.One) & Vector256.Create(0xFFFF0000u)).AsSingle();
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Even, Vector256<float> Odd) LoadEvenOdd(ushort* values)
    {
        var both = Vector256.Load((uint*)values);
        return ((both << 16).AsSingle(), (both & Vector256.Create(0xFFFF0000u)).AsSingle());
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreEvenOdd(Vector256<float> even, Vector256<float> odd, ushort* values) => (ToBFloat16(even).AsUInt32() >> 16 | ToBFloat16(odd).AsUInt32()).Store((uint*)values);
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
    public static float Max(Vector256<float> vector)
    {
        var half = Vector128.Max(vector.GetLower(), vector.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        return MathF.Max(half[0], half[1]);
    }
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halve(Vector256<float> vector) => vector;
}
