using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Transformer.Architectures;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Makes a model of a Hugging Face directory, refusing whatever would compute something else than the checkpoint's authors did.</summary>
internal static class CheckpointReader
{
    /// <param name="directory">A Hugging Face directory.</param>
    /// <param name="dtype">Dtype of the weights.</param>
    /// <param name="device">Their device.</param>
    /// <param name="quantize">Whether the blocks' linears become int8, straight from the stored weights.</param>
    public static CausalLM Read(string directory, ScalarType dtype, Device device, bool quantize)
    {
        var config = ModelConfig.Read(directory);
        var architecture = Architecture.Of(config.ModelType);
        using var store = TensorStore.OpenDirectory(directory);
        var expected = architecture.Parameters(config).ToList();
        Check(directory, store, config, expected);
        using var noGrad = no_grad();
        using var pages = HugePages.For(expected.Where(Converts).Select(parameter => (parameter.Shape.Aggregate(1L, (product, size) => product * size), dtype)));
        return new CausalLM(config, expected.SelectMany(Load).ToDictionary());

        bool Quantizes(ParameterShape parameter) => quantize && parameter.Name.EndsWith("_proj.weight", StringComparison.Ordinal);

        bool Converts(ParameterShape parameter) => device.type == DeviceType.CPU && !Quantizes(parameter) && store.DType(parameter.Name) != dtype;

        IEnumerable<KeyValuePair<string, Tensor>> Load(ParameterShape parameter)
        {
            var name = parameter.Name;
            if (!Quantizes(parameter) && !Converts(parameter)) return [KeyValuePair.Create(name, store.Load(name, dtype, device).DetachFromDisposeScope())];
            using var stored = store.Load(name, device: device);
            if (Converts(parameter)) return [KeyValuePair.Create(name, pages.Empty(parameter.Shape, dtype).copy_(stored).DetachFromDisposeScope())];
            var (weight, scale) = Int8Linear.Quantize(stored);
            return [KeyValuePair.Create(name, weight.DetachFromDisposeScope()), KeyValuePair.Create(name + Linear.ScaleSuffix, scale.DetachFromDisposeScope())];
        }
    }

    // All shapes first: an error should not come after minutes of reading.
    private static void Check(string directory, TensorStore store, ModelConfig config, List<ParameterShape> expected)
    {
        var names = store.Names.ToHashSet();
        foreach (var (name, shape) in expected)
        {
            if (!names.Contains(name))
            {
                throw new GramException($"{directory}: no .safetensors file holds {name}, which a {config.ModelType} model with this config.json needs");
            }
            var actual = store.Shape(name);
            if (!actual.SequenceEqual(shape))
            {
                throw new GramException($"{store.FileOf(name)}: {name} has shape [{string.Join(", ", actual)}] where config.json implies [{string.Join(", ", shape)}]");
            }
        }
        // A weight inside a block that goes unused (a bias, say) would change what the model computes. Old checkpoints store rotary frequencies.
        names.ExceptWith(expected.Select(parameter => parameter.Name));
        var unused = names.FirstOrDefault(name => name.StartsWith("model.layers.", StringComparison.Ordinal) && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal));
        if (unused is not null) throw new GramException($"{store.FileOf(unused)}: {unused} has no place in a {config.ModelType} model with this config.json");
    }
}
