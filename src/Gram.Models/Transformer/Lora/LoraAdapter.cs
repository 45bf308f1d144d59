using Gram.Models.Transformer.Architectures;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer.Lora;

/// <summary>A LoRA adapter in memory: low-rank factors of some linear layers, and whole copies of the modules to save.</summary>
public sealed class LoraAdapter : IDisposable
{
    internal LoraAdapter(LoraConfig config, IReadOnlyDictionary<string, LoraLinear> linears, IReadOnlyDictionary<string, Tensor> copies)
    {
        (Config, Linears, Copies) = (config, linears, copies);
        Parameters = linears
            .SelectMany(linear => (KeyValuePair<string, Tensor>[])[new(linear.Key + LoraLayout.A, linear.Value.A), new(linear.Key + LoraLayout.B, linear.Value.B)])
            .Concat(copies)
            .ToDictionary();
    }

    /// <summary>Its shape.</summary>
    public LoraConfig Config { get; private set; }
    /// <summary>The factors by the full names of the modules that they belong to (model.layers.0.self_attn.q_proj).</summary>
    public IReadOnlyDictionary<string, LoraLinear> Linears { get; }
    /// <summary>Weights that replace the base's, by their Hugging Face names, in the base's dtype.</summary>
    public IReadOnlyDictionary<string, Tensor> Copies { get; }
    /// <summary>All of its tensors by PEFT's names without base_model.model.: what is trained.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>A new adapter of a model, which changes nothing yet: A uniform in ±1/√in (Kaiming with a = √5, as in PEFT), B zero.</summary>
    /// <exception cref="GramException">A target is no module of the model, or a value is out of range.</exception>
    public static LoraAdapter Create(LoraConfig config, CausalLM model, RandomSource random)
    {
        const string where = "LoRA";
        config.Validate(where);
        var layout = LoraLayout.Of(config, model.Config, where);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return new(
            config with { TargetModules = layout.Targets },
            layout.Linears.ToDictionary(linear => linear.Module, linear => new LoraLinear(
                Uniform(linear.A, random).to(model.Device).DetachFromDisposeScope(),
                zeros(linear.B, ScalarType.Float32, model.Device).DetachFromDisposeScope(),
                config.ScaleOf(linear.Module))),
            layout.Copies.ToDictionary(copy => copy.Name, copy => (model.Weights.GetValueOrDefault(copy.Name) ?? model.Weights["model.embed_tokens.weight"]).clone().DetachFromDisposeScope()));
    }

    /// <summary>Reads a PEFT directory (adapter_config.json, adapter_model.safetensors) for a model.</summary>
    /// <exception cref="GramException">A file, a tensor or its shape is missing or wrong, or the adapter is of another base or kind; the message says which.</exception>
    public static LoraAdapter Load(string directory, CausalLM model) => LoraFiles.Read(directory, model);

    /// <summary>Sets what adapter_config.json will say its base is: a directory or a hub id.</summary>
    public void NameBase(string baseName) => Config = Config.Over(baseName);

    /// <summary>Writes a PEFT directory, which must exist. weights: others than its own (optimiser's masters), by the same names.</summary>
    public void Save(string directory, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        LoraFiles.Write(directory, Config, Parameters.Keys.Select(name => KeyValuePair.Create(name, (weights ?? Parameters)[name])));

    /// <summary>A copy with tensors of its own.</summary>
    public LoraAdapter Clone()
    {
        using var noGrad = no_grad();
        return new(
            Config,
            Linears.ToDictionary(linear => linear.Key, linear => new LoraLinear(Copy(linear.Value.A), Copy(linear.Value.B), linear.Value.Scale)),
            Copies.ToDictionary(copy => copy.Key, copy => Copy(copy.Value)));

        static Tensor Copy(Tensor tensor) => tensor.clone().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in Parameters.Values) parameter.Dispose();
    }

    private static Tensor Uniform(long[] shape, RandomSource random)
    {
        var bound = 1 / Math.Sqrt(shape[1]);
        var values = new float[shape[0] * shape[1]];
        foreach (ref var value in values.AsSpan()) value = (float)((2 * random.NextDouble() - 1) * bound);
        return tensor(values, shape);
    }
}
