using System.Runtime.CompilerServices;

namespace Gram.Models.Kernels;

/// <summary>
/// The 256 numbers that a byte stands for, of [−1, 1] or [0, 1]: seven decades, each divided twice as finely as the one below it, 0 and 1.
/// Source: Dettmers et al., arXiv 2110.02861, and bitsandbytes' create_dynamic_map.
/// </summary>
public sealed class DynamicMap
{
    private const int Decades = 7, Codes = 256;
    private const int CellBits = 16; // of a float32: sign, exponent and seven bits of the fraction tell its cell, which one middle at most divides

    private readonly float[] values, middles;
    private readonly byte[] first; // cell by cell: the code of its smallest number

    private DynamicMap(bool signed)
    {
        List<double> numbers = [0, 1];
        for (var decade = 0; decade < Decades; decade++)
        {
            var parts = signed ? 1 << decade : 2 << decade;
            for (var part = 0; part < parts; part++)
            {
                var number = Math.Pow(10, decade - Decades + 1) * (0.1 + (0.9 * (part + 0.5) / parts));
                numbers.Add(number);
                if (signed) numbers.Add(-number);
            }
        }
        values = [.. numbers.Order().Select(number => (float)number)];
        middles = [.. values.Zip(values.Skip(1), (low, high) => (low + high) / 2), float.PositiveInfinity];
        first = new byte[1 << CellBits];
        for (var cell = 0; cell < first.Length; cell++)
        {
            var bits = (uint)cell << CellBits;
            var smallest = BitConverter.UInt32BitsToSingle(cell >> (CellBits - 1) == 0 ? bits : bits | ((1u << CellBits) - 1));
            first[cell] = float.IsNaN(smallest) ? (byte)0 : (byte)Array.FindIndex(middles, middle => smallest <= middle);
        }
    }

    /// <summary>Of [−1, 1].</summary>
    public static DynamicMap WithSign { get; } = new(signed: true);

    /// <summary>Of [0, 1].</summary>
    public static DynamicMap Positive { get; } = new(signed: false);

    /// <summary>The numbers, in order.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>The middles between neighbours, and infinity.</summary>
    public ReadOnlySpan<float> Middles => middles;

    /// <summary>The code of the nearest number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte Encode(float number)
    {
        var code = first[BitConverter.SingleToUInt32Bits(number) >> CellBits];
        while (number > middles[code]) code++;
        return code;
    }
}
