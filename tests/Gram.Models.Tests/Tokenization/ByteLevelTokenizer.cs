using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

/// <summary>A tokenizer made for a test: all bytes, a few merges, three control tokens.</summary>
internal static class ByteLevelTokenizer
{
    public const string SplitPattern = @"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>tokenizer.json with ids 0 to 255 for the bytes (in the order of the byte alphabet), then one for each merge, then &lt;bos&gt;, &lt;|im_start|&gt;, &lt;|im_end|&gt;.</summary>
    public static JsonObject Json(params string[] merges)
    {
        var vocabulary = new JsonObject();
        foreach (var value in Enumerable.Range(0, 256)) vocabulary[Letter(value)] = value;
        foreach (var merge in merges) vocabulary[merge.Replace(" ", "", StringComparison.Ordinal)] = vocabulary.Count;
        var special = new JsonArray();
        foreach (var token in (string[])["<bos>", "<|im_start|>", "<|im_end|>"]) special.Add(Added(vocabulary.Count + special.Count, token));
        return new()
        {
            ["added_tokens"] = special,
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = SplitPattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }),
            },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]) },
        };
    }

    public static JsonObject Added(int id, string content, bool special = true) => new() { ["id"] = id, ["content"] = content, ["special"] = special, ["normalized"] = false };

    /// <summary>Writes the files and loads them.</summary>
    public static Tokenizer Load(TemporaryDirectory directory, JsonObject json, string? config = null)
    {
        File.WriteAllText(directory.File("tokenizer.json"), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        if (config is not null) File.WriteAllText(directory.File("tokenizer_config.json"), config);
        return Tokenizer.Load(directory.Path);
    }

    /// <summary>GPT-2's byte alphabet, from its definition: printable Latin-1 stands for itself, the other 68 bytes for U+0100 and on.</summary>
    private static string Letter(int value)
    {
        int[] others = [.. Enumerable.Range(0, 33), .. Enumerable.Range(127, 34), 173];
        var index = Array.IndexOf(others, value);
        return char.ConvertFromUtf32(index < 0 ? value : 256 + index);
    }
}
