using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Gram.Models.Checkpoints;

/// <summary>Writes .safetensors files, laid out as the reference implementation does.</summary>
public static class SafetensorsWriter
{
    /// <summary>
    /// Writes one file atomically (temporary name, flush, rename). Metadata gets {"format":"pt"} unless given.
    /// Tensors on other devices, strided ones and ones of another dtype are copied one at a time.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Tensors by name; names must differ.</param>
    /// <param name="metadata">The header's __metadata__.</param>
    /// <param name="dtype">Stored dtype of floating-point tensors; default their own.</param>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null, ScalarType? dtype = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata, dtype));

    /// <summary>The same into a stream.</summary>
    internal static void Write(Stream stream, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null, ScalarType? dtype = null)
    {
        // The reference orders by alignment, widest first, then by name: every tensor is aligned to its elements.
        var ordered = tensors
            .Select(pair => (Name: pair.Key, Tensor: pair.Value, DType: StoredDType(pair.Value, dtype)))
            .OrderByDescending(item => SafetensorsDType.SizeOf(SafetensorsDType.NameOf(item.DType)))
            .ThenBy(item => item.Name, StringComparer.Ordinal)
            .ToList();

        var header = new JsonObject { ["__metadata__"] = new JsonObject((metadata ?? new Dictionary<string, string> { ["format"] = "pt" }).Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))) };
        long offset = 0;
        foreach (var (name, tensor, stored) in ordered)
        {
            var end = offset + BytesOf(tensor, stored);
            header.Add(name, new JsonObject
            {
                ["dtype"] = SafetensorsDType.NameOf(stored),
                ["shape"] = new JsonArray([.. tensor.shape.Select(dimension => (JsonNode)dimension)]),
                ["data_offsets"] = new JsonArray(offset, end),
            });
            offset = end;
        }

        WriteHeader(stream, header);
        foreach (var (_, tensor, stored) in ordered) WriteData(stream, tensor, stored);
    }

    /// <summary>Bytes that a tensor takes in a file.</summary>
    internal static long BytesOf(Tensor tensor, ScalarType? dtype) =>
        tensor.NumberOfElements * SafetensorsDType.SizeOf(SafetensorsDType.NameOf(StoredDType(tensor, dtype)))!.Value;

    private static ScalarType StoredDType(Tensor tensor, ScalarType? dtype) => dtype is { } stored && is_floating_point(tensor) ? stored : tensor.dtype;

    private static void WriteHeader(Stream stream, JsonObject header)
    {
        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        var padded = new byte[(json.Length + 7) / 8 * 8];
        padded.AsSpan().Fill((byte)' ');
        json.CopyTo(padded, 0);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)padded.Length);
        stream.Write(length);
        stream.Write(padded);
    }

    private static void WriteData(Stream stream, Tensor tensor, ScalarType dtype)
    {
        const long slice = 1 << 27; // elements: spans end at 2 GiB
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var flat = tensor.detach().reshape(-1);
        for (long start = 0; start < tensor.NumberOfElements; start += slice)
        {
            using var part = NewDisposeScope();
            var data = flat.narrow(0, start, Math.Min(slice, tensor.NumberOfElements - start));
            stream.Write(data.to(dtype, CPU).contiguous().bytes);
        }
    }
}
