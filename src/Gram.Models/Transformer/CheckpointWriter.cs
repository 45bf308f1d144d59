using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Writes a model as a Hugging Face directory.</summary>
internal static partial class CheckpointWriter
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static void Write(string directory, ModelConfig config, IReadOnlyList<KeyValuePair<string, Tensor>> weights, ScalarType? dtype, long maxShardSize)
    {
        WriteWeights(directory, weights, dtype, maxShardSize);
        AtomicFile.WriteText(Path.Combine(directory, "config.json"), Text(Config(config, dtype ?? weights[0].Value.dtype)));
        AtomicFile.WriteText(Path.Combine(directory, "generation_config.json"), Text(Generation(config)));
    }

    // Whoever reads the directory meanwhile finds the old weights, the new ones, or, while shards of the same names are renamed, none:
    // a single file is preferred to an index, and files of an earlier save go last.
    private static void WriteWeights(string directory, IReadOnlyList<KeyValuePair<string, Tensor>> weights, ScalarType? dtype, long maxShardSize)
    {
        var shards = Shards.Split(weights, weight => SafetensorsWriter.BytesOf(weight.Value, dtype), maxShardSize);
        List<(string Name, Action<Stream> Write)> files = [.. shards.Select((shard, i) => (
            shards.Count == 1 ? TensorStore.SingleFile : string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors"),
            (Action<Stream>)(stream => SafetensorsWriter.Write(stream, shard, dtype: dtype))))];
        if (shards.Count > 1)
        {
            var index = Text(Index(weights, dtype, shards.Zip(files, (shard, file) => (file.Name, shard))));
            files.Add((TensorStore.IndexFile, stream => stream.Write(Encoding.UTF8.GetBytes(index))));
        }
        AtomicFile.WriteTogether([.. files.Select(file => (PathOf(file.Name), file.Write))], beforeRenaming: () =>
        {
            // Shards of the same names are replaced one by one: without the old index none of them is read meanwhile.
            if (files[..^1].Any(file => File.Exists(PathOf(file.Name)))) File.Delete(PathOf(TensorStore.IndexFile));
        });
        foreach (var stale in Directory.GetFiles(directory, "model*.safetensors*").Where(path => IsWeights(Path.GetFileName(path)) && files.All(file => file.Name != Path.GetFileName(path))))
        {
            File.Delete(stale);
        }

        string PathOf(string name) => Path.Combine(directory, name);
    }

    private static bool IsWeights(string name) => name is TensorStore.SingleFile or TensorStore.IndexFile || ShardName().IsMatch(name);

    /// <summary>model.safetensors.index.json, as transformers writes it.</summary>
    private static JsonObject Index(IReadOnlyList<KeyValuePair<string, Tensor>> weights, ScalarType? dtype, IEnumerable<(string File, List<KeyValuePair<string, Tensor>> Weights)> shards) => new()
    {
        ["metadata"] = new JsonObject
        {
            ["total_parameters"] = weights.Sum(weight => weight.Value.NumberOfElements),
            ["total_size"] = weights.Sum(weight => SafetensorsWriter.BytesOf(weight.Value, dtype)),
        },
        ["weight_map"] = new JsonObject(shards
            .SelectMany(shard => shard.Weights.Select(weight => KeyValuePair.Create(weight.Key, (JsonNode?)shard.File)))
            .OrderBy(weight => weight.Key, StringComparer.Ordinal)),
    };

    private static string Text(JsonObject json) => json.ToJsonString(Indented) + "\n";

    [GeneratedRegex(@"^model-\d{5}-of-\d{5}\.safetensors$")]
    private static partial Regex ShardName();

    private static JsonObject Config(ModelConfig config, ScalarType dtype)
    {
        var name = dtype switch
        {
            ScalarType.BFloat16 => "bfloat16",
            ScalarType.Float16 => "float16",
            ScalarType.Float64 => "float64",
            _ => "float32",
        };
        if (config.Raw is not { } raw) return config.ToJson(name);
        var json = (JsonObject)raw.DeepClone();
        // transformers 5 writes dtype, and reads both; older ones know torch_dtype alone.
        if (json.ContainsKey("dtype")) json["dtype"] = name;
        if (json.ContainsKey("torch_dtype") || !json.ContainsKey("dtype")) json["torch_dtype"] = name;
        return json;
    }

    private static JsonObject Generation(ModelConfig config)
    {
        if (config.RawGeneration is { } raw) return raw; // with the authors' sampling settings
        var json = new JsonObject();
        if (config.BosTokenId is { } bos) json["bos_token_id"] = bos;
        if (EndTokens(config) is { } end) json["eos_token_id"] = end;
        if (config.PadTokenId is { } pad) json["pad_token_id"] = pad;
        return json;
    }

    private static JsonNode? EndTokens(ModelConfig config) => config.EosTokenIds switch
    {
        [] => null,
        [var only] => only,
        var all => new JsonArray([.. all.Select(id => (JsonNode)id)]),
    };
}
