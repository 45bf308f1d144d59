using System.Text.Json;
using Gram.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer.Lora;

/// <summary>PEFT's adapter directories: adapter_config.json and adapter_model.safetensors.</summary>
internal static class LoraFiles
{
    private const string WeightsFile = "adapter_model.safetensors", Prefix = "base_model.model.";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static LoraAdapter Read(string directory, CausalLM model)
    {
        var config = LoraConfig.Read(directory);
        var layout = LoraLayout.Of(config, model.Config, Path.Combine(directory, LoraConfig.FileName));
        var path = Path.Combine(directory, WeightsFile);
        if (!File.Exists(path)) throw new GramException($"{path} does not exist: adapters are read from safetensors files only");
        using var store = TensorStore.OpenFile(path);
        Check(path, store, layout);
        using var noGrad = no_grad();
        return new(
            config,
            layout.Linears.ToDictionary(linear => linear.Module, linear => new LoraLinear(
                Load(linear.Module + LoraLayout.A, ScalarType.Float32), Load(linear.Module + LoraLayout.B, ScalarType.Float32), config.ScaleOf(linear.Module))),
            layout.Copies.ToDictionary(copy => copy.Name, copy => Load(copy.Name, model.DType)));

        Tensor Load(string name, ScalarType dtype) => store.Load(Prefix + name, dtype, model.Device).DetachFromDisposeScope();
    }

    public static void Write(string directory, LoraConfig config, IEnumerable<KeyValuePair<string, Tensor>> weights)
    {
        SafetensorsWriter.Write(Path.Combine(directory, WeightsFile), weights.Select(weight => KeyValuePair.Create(Prefix + weight.Key, weight.Value)));
        AtomicFile.WriteText(Path.Combine(directory, LoraConfig.FileName), config.ToJson().ToJsonString(Indented) + "\n");
    }

    private static void Check(string path, TensorStore store, LoraLayout layout)
    {
        var unused = store.Names.ToHashSet();
        foreach (var (name, shape) in layout.Linears.SelectMany(linear => ((string, long[])[])[(linear.Module + LoraLayout.A, linear.A), (linear.Module + LoraLayout.B, linear.B)])
            .Concat(layout.Copies.Select(copy => (copy.Name, copy.Shape))))
        {
            if (!unused.Remove(Prefix + name)) throw new GramException($"{path} lacks {Prefix + name}, which {LoraConfig.FileName} and the base model imply: is it the adapter of another base?");
            var actual = store.Shape(Prefix + name);
            if (!actual.SequenceEqual(shape))
                throw new GramException($"{path}: {Prefix + name} has shape [{string.Join(", ", actual)}] where {LoraConfig.FileName} and the base model imply [{string.Join(", ", shape)}]: is it the adapter of another base?");
        }
        if (unused.Order(StringComparer.Ordinal).FirstOrDefault() is { } other) throw new GramException($"{path}: {other} has no place in an adapter with this {LoraConfig.FileName} over this base model: is it the adapter of another base?");
    }
}
