using System.Security.Cryptography;
using System.Text.Json;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>A short text of all that a judge's scores depend on beside the pairs.</summary>
public static class JudgeFingerprint
{
    private const int Length = 16;

    /// <summary>What stands beside weights and says how texts become tokens, and tokens logits.</summary>
    private static readonly string[] Descriptions = ["config.json", Tokenizer.FileName, "tokenizer_config.json", "chat_template.jinja", LoraConfig.FileName];

    /// <summary>The fingerprint of a judge: of its model's files (not of their bytes: by length and time, a link by those of what it leads to), its prompt, and what it computes in.</summary>
    /// <param name="location">Where it lies.</param>
    /// <param name="config">Prompt, labels and template.</param>
    /// <param name="dtype">Dtype that it computes in.</param>
    /// <param name="quantize">Whether its linears are int8.</param>
    public static string Of(ModelLocation location, GramConfig config, ScalarType dtype, bool quantize)
    {
        var files = new[] { location.Directory, location.Adapter }.OfType<string>().SelectMany(FilesOf).Select(path => new FileInfo(path)).Select(file => file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file);
        return Of(JsonSerializer.Serialize(new { Files = files.Select(file => new { file.FullName, file.Length, file.LastWriteTimeUtc }), config, DType = dtype.ToString(), quantize }));
    }

    /// <summary>The fingerprint of any text.</summary>
    public static string Of(string text) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)))[..Length];

    private static IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal).Concat(Descriptions.Select(name => Path.Combine(folder, name)).Where(File.Exists));
}
