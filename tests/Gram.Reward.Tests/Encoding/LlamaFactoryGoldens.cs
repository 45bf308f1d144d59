using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Encoding;

namespace Gram.Reward.Tests.Encoding;

/// <summary>Reads the goldens of GRAM's LLaMA-Factory fork, and encodes their rows as plain supervised fine-tuning.</summary>
internal static class LlamaFactoryGoldens
{
    private static readonly ConcurrentDictionary<string, Tokenizer> Loaded = new();

    public static TrainingExample? Encode(ConversationEncoder encoder, DatasetRow row, int cutoff, bool maskHistory, bool trainOnPrompt) => row.Responses.Count != 1
        ? null
        : SupervisedExample.Of(encoder.Turns([.. row.Messages, new("assistant", row.Responses[0])], row.System), cutoff, maskHistory, trainOnPrompt);

    /// <summary>Rows on which this project differs on purpose: control tokens in content stay text, and content is not searched for {{idx}}.</summary>
    public static bool IsReadDifferently(DatasetRow row, Tokenizer tokenizer) =>
        row.Messages.Select(message => message.Content).Concat(row.Responses)
            .Any(text => text.Contains("{{idx}}", StringComparison.Ordinal) || tokenizer.ControlTokens.Keys.Any(token => text.Contains(token, StringComparison.Ordinal)));

    public static List<DatasetRow> Rows(JsonNode datasets, string set)
    {
        var info = (JsonObject)datasets[set]!["info"]!.DeepClone();
        info["file_name"] = "rows.json";
        var parsed = DatasetInfo.Parse(set, info, "");
        return [.. datasets[set]!["rows"]!.AsArray().Select((row, i) => DatasetReader.Convert(parsed, new(i + 1, row!.AsObject(), set)))];
    }

    public static Tokenizer TokenizerOf(JsonNode golden) => Loaded.GetOrAdd(golden["tokenizer"]!.GetValue<string>(), name => Tokenizer.Load(DirectoryOf(name)));

    /// <summary>A tokenizer's folder by the name that the goldens' README gives it.</summary>
    private static string DirectoryOf(string name) => name switch
    {
        "smollm2" => Repository.SharedPath("models", "smollm2-135m-instruct"),
        "tiny-qwen" => Goldens.PathOf("models", "qwen3-untied-headdim"),
        "tiny-llama" => Goldens.PathOf("models", "llama3-untied-ropescaled-legacy-config"),
        _ => Goldens.PathOf("rl", "llamafactory", "tokenizers", name),
    };

    public static bool Flag(JsonNode settings, string key) => settings[key]?.GetValue<bool>() ?? false;
    public static int[] Ints(JsonNode list) => [.. list.AsArray().Select(value => value!.GetValue<int>())];
    public static (int, int)[] Ranges(JsonNode list) => [.. list.AsArray().Select(range => (range![0]!.GetValue<int>(), range[1]!.GetValue<int>()))];
}
