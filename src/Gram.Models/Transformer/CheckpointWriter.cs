using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Writes a model as a Hugging Face directory.</summary>
internal static class CheckpointWriter
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static void Write(string directory, ModelConfig config, IEnumerable<KeyValuePair<string, Tensor>> weights, ScalarType? dtype)
    {
        var tensors = weights.ToList();
        SafetensorsWriter.Write(Path.Combine(directory, "model.safetensors"), tensors, dtype: dtype);
        WriteJson("config.json", Config(config, dtype ?? tensors[0].Value.dtype));
        WriteJson("generation_config.json", Generation(config));

        void WriteJson(string name, JsonObject json) => AtomicFile.WriteText(Path.Combine(directory, name), json.ToJsonString(Indented) + "\n");
    }

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
        json[json.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = name; // transformers 5 writes dtype
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
