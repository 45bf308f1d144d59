using System.Buffers.Binary;
using System.Text.Json;

namespace Gram.Models.Checkpoints;

/// <summary>Where a tensor lies in its file.</summary>
/// <param name="Path">The file.</param>
/// <param name="DType">The format's dtype name.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Start">First byte, from the start of the file.</param>
/// <param name="Length">Length in bytes.</param>
internal sealed record TensorEntry(string Path, string DType, long[] Shape, long Start, long Length);

/// <summary>
/// The header of a .safetensors file: 8 bytes of length, JSON, then data without gaps. Everything is checked here,
/// as the reference implementation does, before any memory is taken for data.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The reference implementation's limit.</summary>
    private const long MaxLength = 100_000_000;

    /// <summary>Reads and checks the header of an open file.</summary>
    public static Dictionary<string, TensorEntry> Read(FileStream stream)
    {
        var path = stream.Name;
        var fileLength = stream.Length;
        if (fileLength < 8) throw new GramException($"{path} is {(fileLength == 0 ? "empty" : "shorter than a header's length")}: fetch the file again");
        Span<byte> lengthBytes = stackalloc byte[8];
        stream.ReadExactly(lengthBytes);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length > MaxLength || (long)length > fileLength - 8)
            throw new GramException($"{path}: header length {length} is larger than the file ({fileLength} bytes) or the format's limit ({MaxLength}): fetch the file again");
        var header = new byte[length];
        stream.ReadExactly(header);

        var entries = Parse(path, header, dataStart: 8 + (long)length);
        CheckOffsets(path, entries, dataStart: 8 + (long)length, fileLength);
        return entries;
    }

    private static Dictionary<string, TensorEntry> Parse(string path, byte[] header, long dataStart)
    {
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (json.RootElement.ValueKind != JsonValueKind.Object) throw new GramException($"{path}: header is not a JSON object: fetch the file again");
            var entries = new Dictionary<string, TensorEntry>();
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name != "__metadata__") entries.Add(property.Name, ParseEntry(path, property, dataStart));
            }
            return entries;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException) // the second: half of a surrogate pair in a string
        {
            throw new GramException($"{path}: header is not JSON: fetch the file again", error);
        }
    }

    private static TensorEntry ParseEntry(string path, JsonProperty property, long dataStart)
    {
        var name = property.Name;
        var entry = property.Value;
        if (entry.ValueKind != JsonValueKind.Object
            || !entry.TryGetProperty("dtype", out var dtypeElement) || dtypeElement.ValueKind != JsonValueKind.String
            || !entry.TryGetProperty("shape", out var shapeElement) || !TryIntegers(shapeElement, out var shape)
            || !entry.TryGetProperty("data_offsets", out var offsetsElement) || !TryIntegers(offsetsElement, out var offsets)
            || offsets is not [var start, var end])
            throw new GramException($"{path}: header entry of tensor {name} must hold dtype, shape and two data_offsets: fetch the file again");

        var dtype = dtypeElement.GetString()!;
        if (SafetensorsDType.SizeOf(dtype) is not { } size) throw new GramException($"{path}: tensor {name} has dtype {dtype}, which is not known");
        if (start > end || end > long.MaxValue - dataStart) throw new GramException($"{path}: data_offsets of tensor {name} are [{start}, {end}], which is no range: fetch the file again");
        var promised = shape.Aggregate((UInt128)size, (bytes, dimension) => bytes > long.MaxValue ? bytes : bytes * (UInt128)dimension);
        if (promised != (UInt128)(end - start))
            throw new GramException($"{path}: tensor {name} has {end - start} bytes of data_offsets where {dtype} [{string.Join(", ", shape)}] needs {promised}: fetch the file again");
        return new(path, dtype, shape, dataStart + start, end - start);
    }

    private static bool TryIntegers(JsonElement element, out long[] values)
    {
        values = [];
        if (element.ValueKind != JsonValueKind.Array) return false;
        values = new long[element.GetArrayLength()];
        for (var i = 0; i < values.Length; i++)
        {
            if (element[i].ValueKind != JsonValueKind.Number || !element[i].TryGetInt64(out values[i]) || values[i] < 0) return false;
        }
        return true;
    }

    private static void CheckOffsets(string path, Dictionary<string, TensorEntry> entries, long dataStart, long fileLength)
    {
        var expected = dataStart;
        foreach (var (name, entry) in entries.OrderBy(pair => pair.Value.Start).ThenBy(pair => pair.Value.Length))
        {
            if (entry.Start < expected) throw new GramException($"{path}: data_offsets of tensor {name} overlap those of another: fetch the file again");
            if (entry.Start > expected) throw new GramException($"{path}: data_offsets leave a gap of {entry.Start - expected} bytes before tensor {name}: fetch the file again");
            expected = entry.Start + entry.Length;
            if (expected > fileLength)
                throw new GramException($"{path}: data_offsets of tensor {name} end at byte {expected} of a file of {fileLength}, which was cut short: fetch the file again");
        }
        if (expected < fileLength) throw new GramException($"{path}: {fileLength - expected} bytes follow the last tensor's data_offsets: fetch the file again");
    }
}
