using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;

namespace Gram.Ppo.Tests.Support;

/// <summary>A random two-layer Qwen3 over the letters a to h, as a Hugging Face directory.</summary>
internal static class TinyPolicy
{
    /// <summary>Ends a response; also the padding.</summary>
    public const int End = 0;

    public static ModelConfig Config { get; } = new()
    {
        ModelType = "qwen3",
        VocabSize = 10,
        HiddenSize = 32,
        IntermediateSize = 64,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 8,
        MaxPositionEmbeddings = 48,
        RmsNormEps = 1e-6,
        RopeTheta = 10_000,
        TieWordEmbeddings = true,
        EosTokenIds = [End],
        PadTokenId = End,
    };

    /// <summary>The model in memory, with weights large enough to have opinions.</summary>
    public static CausalLM Create(ulong seed = 1)
    {
        var model = CausalLM.Create(Config, new RandomSource(seed));
        using var noGrad = TorchSharp.torch.no_grad();
        foreach (var (_, weight) in model.Parameters.Where(parameter => !parameter.Key.Contains("norm", StringComparison.Ordinal))) weight.mul_(5);
        return model;
    }

    /// <summary>Writes model and tokenizer.</summary>
    public static string Write(string directory, ulong seed = 1)
    {
        Directory.CreateDirectory(directory);
        using (var model = Create(seed)) model.Save(directory);
        var vocabulary = new JsonObject { ["<|end|>"] = End, ["Ġ"] = 1 };
        foreach (var letter in "abcdefgh") vocabulary[letter.ToString()] = vocabulary.Count;
        var byteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = JsonNode.Parse("""[{"id":0,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"""),
            ["normalizer"] = null,
            ["pre_tokenizer"] = JsonNode.Parse(byteLevel),
            ["post_processor"] = JsonNode.Parse(byteLevel),
            ["decoder"] = JsonNode.Parse(byteLevel),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        };
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), tokenizer.ToJsonString());
        File.WriteAllText(Path.Combine(directory, "tokenizer_config.json"), """{"eos_token":"<|end|>","pad_token":"<|end|>"}""");
        return directory;
    }
}
