using System.Security.Cryptography;
using System.Text.Json;
using Gram.Models.Transformer;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>A short text of all that a judge's scores depend on beside the pairs.</summary>
public static class JudgeFingerprint
{
    private const int Length = 16;

    /// <summary>The fingerprint of a judge: of its weights' files (not of their bytes: by length and time), its prompt, and what it computes in.</summary>
    /// <param name="location">Where it lies.</param>
    /// <param name="config">Prompt, labels and template.</param>
    /// <param name="dtype">Dtype that it computes in.</param>
    /// <param name="quantize">Whether its linears are int8.</param>
    public static string Of(ModelLocation location, GramConfig config, ScalarType dtype, bool quantize)
    {
        var weights = new[] { location.Directory, location.Adapter }.OfType<string>().SelectMany(folder => Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal)).Select(path => new FileInfo(path));
        return Of(JsonSerializer.Serialize(new { Files = weights.Select(weight => new { weight.FullName, weight.Length, weight.LastWriteTimeUtc }), config, DType = dtype.ToString(), quantize }));
    }

    /// <summary>The fingerprint of any text.</summary>
    public static string Of(string text) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)))[..Length];
}
