using static TorchSharp.torch;

namespace Gram.Models.Checkpoints;

/// <summary>The format's dtype names, their sizes in bytes, and libtorch's names for those that it can hold.</summary>
internal static class SafetensorsDType
{
    /// <summary>Bytes of an element, or null for a name that the format does not know.</summary>
    public static int? SizeOf(string name) => name switch
    {
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" or "F8_E8M0" => 1,
        "U16" or "I16" or "F16" or "BF16" => 2,
        "U32" or "I32" or "F32" => 4,
        "U64" or "I64" or "F64" or "C64" => 8,
        _ => null,
    };

    /// <summary>libtorch's dtype, or null where this project cannot load the elements.</summary>
    public static ScalarType? Parse(string name) => name switch
    {
        "BOOL" => ScalarType.Bool,
        "U8" => ScalarType.Byte,
        "I8" => ScalarType.Int8,
        "I16" => ScalarType.Int16,
        "I32" => ScalarType.Int32,
        "I64" => ScalarType.Int64,
        "F16" => ScalarType.Float16,
        "BF16" => ScalarType.BFloat16,
        "F32" => ScalarType.Float32,
        "F64" => ScalarType.Float64,
        _ => null,
    };

    /// <summary>The format's name of a libtorch dtype.</summary>
    public static string NameOf(ScalarType dtype) => dtype switch
    {
        ScalarType.Bool => "BOOL",
        ScalarType.Byte => "U8",
        ScalarType.Int8 => "I8",
        ScalarType.Int16 => "I16",
        ScalarType.Int32 => "I32",
        ScalarType.Int64 => "I64",
        ScalarType.Float16 => "F16",
        ScalarType.BFloat16 => "BF16",
        ScalarType.Float32 => "F32",
        ScalarType.Float64 => "F64",
        _ => throw new ArgumentException($"safetensors has no dtype for {dtype}", nameof(dtype)),
    };
}
