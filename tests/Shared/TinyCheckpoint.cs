using System.Text;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;

namespace Gram.Tests;

/// <summary>A Hugging Face directory small enough to train in a test: random weights, and a tokenizer whose tokens are the bytes.</summary>
internal static class TinyCheckpoint
{
    private static readonly string[] ControlTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    /// <summary>Writes the checkpoint into a new folder and returns its path. The template is ChatML's.</summary>
    public static string Create(string directory, ulong seed = 1, int hiddenSize = 32, int layers = 2, int context = 512)
    {
        Directory.CreateDirectory(directory);
        WriteTokenizer(directory);
        using var model = CausalLM.Create(new ModelConfig
        {
            ModelType = "qwen3",
            VocabSize = ControlTokens.Length + 256,
            HiddenSize = hiddenSize,
            IntermediateSize = 2 * hiddenSize,
            NumHiddenLayers = layers,
            NumAttentionHeads = 4,
            NumKeyValueHeads = 2,
            HeadDim = hiddenSize / 4,
            MaxPositionEmbeddings = context,
            RmsNormEps = 1e-6,
            RopeTheta = 10000,
            TieWordEmbeddings = true,
            EosTokenIds = [2],
            PadTokenId = 0,
        }, new RandomSource(seed));
        model.Save(directory);
        return directory;
    }

    private static void WriteTokenizer(string directory)
    {
        JsonObject vocabulary = [];
        foreach (var token in ControlTokens.Concat(ByteTokens())) vocabulary.Add(token, vocabulary.Count);
        JsonObject ByteLevel() => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = false };
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. ControlTokens.Select((token, id) => new JsonObject
            {
                ["id"] = id, ["content"] = token, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true,
            })]),
            ["pre_tokenizer"] = ByteLevel(),
            ["decoder"] = ByteLevel(),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        }.ToJsonString());
        File.WriteAllText(Path.Combine(directory, "tokenizer_config.json"), new JsonObject
        {
            ["bos_token"] = null,
            ["eos_token"] = "<|im_end|>",
            ["pad_token"] = "<|endoftext|>",
            ["chat_template"] = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        }.ToJsonString());
    }

    /// <summary>GPT-2's printable stand-ins for the bytes: printable Latin-1 stands for itself, the others for 256, 257, …</summary>
    private static IEnumerable<string> ByteTokens()
    {
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var isPrintable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            yield return new Rune(isPrintable ? b : next++).ToString();
        }
    }
}
