using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;

namespace Gram.Host.Demo;

/// <summary>Writes a trained BPE as a Hugging Face tokenizer: tokenizer.json and tokenizer_config.json, with a ChatML template.</summary>
internal static class TokenizerFiles
{
    /// <summary>Padding, and the end of a text that is not a conversation.</summary>
    public const string EndOfText = "<|endoftext|>";
    /// <summary>Starts a turn.</summary>
    public const string ImStart = "<|im_start|>";
    /// <summary>Ends a turn; the model's end token.</summary>
    public const string ImEnd = "<|im_end|>";

    private const string ChatMl =
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Control tokens of the demo's tokenizer, in the order of their ids.</summary>
    public static IReadOnlyList<string> ControlTokens { get; } = [EndOfText, ImStart, ImEnd];

    /// <summary>Writes both files into an existing directory.</summary>
    public static void Write(string directory, Bpe bpe, int contextLength)
    {
        AtomicFile.WriteText(Path.Combine(directory, "tokenizer.json"), TokenizerJson(bpe).ToJsonString(Indented));
        AtomicFile.WriteText(Path.Combine(directory, "tokenizer_config.json"), TokenizerConfig(bpe, contextLength).ToJsonString(Indented));
    }

    private static JsonObject TokenizerJson(Bpe bpe)
    {
        var vocabulary = new JsonObject();
        foreach (var token in bpe.ControlTokens.Concat(bpe.Vocabulary)) vocabulary.Add(token, vocabulary.Count);
        return new()
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. bpe.ControlTokens.Select((token, id) => AddedToken(token, id))]),
            ["normalizer"] = new JsonObject { ["type"] = "NFC" },
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = BpeTrainer.SplitPattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    ByteLevel(addPrefixSpace: false)),
            },
            ["post_processor"] = ByteLevel(addPrefixSpace: false),
            ["decoder"] = ByteLevel(addPrefixSpace: false),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. bpe.Merges.Select(merge => new JsonArray(merge.Left, merge.Right))]),
            },
        };
    }

    private static JsonObject TokenizerConfig(Bpe bpe, int contextLength) => new()
    {
        ["add_bos_token"] = false,
        ["add_prefix_space"] = false,
        ["added_tokens_decoder"] = new JsonObject(bpe.ControlTokens.Select((token, id) => KeyValuePair.Create($"{id}", (JsonNode?)AddedToken(token)))),
        ["bos_token"] = null,
        ["chat_template"] = ChatMl,
        ["clean_up_tokenization_spaces"] = false,
        ["eos_token"] = ImEnd,
        ["model_max_length"] = contextLength,
        ["pad_token"] = EndOfText,
        ["tokenizer_class"] = "Qwen2Tokenizer",
    };

    private static JsonObject AddedToken(string token, int? id = null)
    {
        var added = new JsonObject();
        if (id is not null) added.Add("id", id);
        added.Add("content", token);
        foreach (var flag in (string[])["single_word", "lstrip", "rstrip", "normalized"]) added.Add(flag, false);
        added.Add("special", true);
        return added;
    }

    private static JsonObject ByteLevel(bool addPrefixSpace) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = addPrefixSpace, ["trim_offsets"] = false, ["use_regex"] = false };
}
