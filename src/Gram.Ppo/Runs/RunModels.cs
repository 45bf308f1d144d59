using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Training.Adapters;
using Gram.Training.Optimisation;
using Gram.Training.Parallel;
using static TorchSharp.torch;

namespace Gram.Ppo.Runs;

/// <summary>The models of a run: policy, frozen reference, value model, and the optimisers with their float32 weights.</summary>
internal sealed class RunModels : IDisposable
{
    internal const string PolicyOptimizer = "optimizer", ValueOptimizer = "value_optimizer";

    private readonly CausalLM? masters, valueMasters; // float32 weights of models that compute in another dtype
    private readonly CausalLM? frozen; // what adapters lie over
    private readonly bool ownsFrozen;
    private readonly string maxShardSize;

    /// <summary>Loads them.</summary>
    /// <param name="options">The run.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="device">Where.</param>
    /// <param name="shared">The policy's base, where a judge's adapter lies over it too (not owned); null: loaded here.</param>
    /// <param name="baseName">What adapters will say their base is.</param>
    /// <param name="group">The processes that train them together.</param>
    public RunModels(PpoOptions options, ScalarType dtype, Device device, CausalLM? shared, string baseName, IProcessGroup group)
    {
        maxShardSize = options.MaxShardSize;
        var isAdapter = options.FinetuningType == FinetuningType.Lora;
        if (isAdapter)
        {
            (frozen, ownsFrozen) = (shared ?? CausalLM.Load(new ModelLocation(options.ModelNameOrPath), dtype, device), shared is null);
            Policy = OverFrozen(options, baseName);
        }
        else
        {
            var loaded = CausalLM.Load(options.ModelNameOrPath, ScalarType.Float32, device);
            (Policy, masters) = dtype == ScalarType.Float32 ? (loaded, null) : (loaded.Clone(dtype), loaded);
        }
        Policy.GradientCheckpointing = options.GradientCheckpointing; // the value model's trunk is a clone of it
        try
        {
            // A new adapter adds nothing yet: the model without it is the initial policy, to the bit.
            Reference = options.RefModel is { } path ? CausalLM.Load(path, dtype, device) : isAdapter && options.Lora.AdapterNameOrPath is null ? frozen! : Policy.Clone();
            if (options.Advantage == Advantage.Gae)
            {
                var value = options.ValueModel == ValueModelKind.Shared ? ValueModel.Shared(Policy) : ValueModel.Separate(Policy.Clone());
                valueMasters = value.IsShared ? null : masters?.Clone();
                value.SetTrainable(true);
                var weights = value.Parameters.ToDictionary(parameter => parameter.Key, parameter => valueMasters?.Parameters.GetValueOrDefault(parameter.Key) ?? parameter.Value);
                Value = (value, new AdamW(value.Parameters, AdamWOptionsOf(options), isAdapter ? null : weights, group));
            }
            Policy.SetTrainable(true);
            Optimizer = new AdamW(Policy.Parameters, AdamWOptionsOf(options), masters?.Parameters, group);
        }
        catch
        {
            Dispose(); // a reference that does not load leaves the policy behind
            throw;
        }
    }

    public CausalLM Policy { get; }

    public CausalLM Reference { get; }

    public AdamW Optimizer { get; }

    public (ValueModel Model, AdamW Optimizer)? Value { get; }

    /// <summary>Writes the policy as a Hugging Face directory, in the dtype that it computes in.</summary>
    public void SavePolicy(string directory, Tokenizer tokenizer) => Policy.Save(directory, tokenizer, Optimizer.Masters, Policy.DType, maxShardSize);

    /// <summary>Writes the value model, where there is one, into a directory of its own.</summary>
    public void SaveValue(string directory)
    {
        if (Value is { } value) AtomicFile.WriteDirectory(directory, target => value.Model.Save(target, value.Optimizer.Masters, maxShardSize));
    }

    /// <summary>Copies all that a checkpoint holds, so that it can be written while the run goes on.</summary>
    public ModelSnapshot Snapshot(Tokenizer tokenizer) => new(Policy, tokenizer, Optimizer.Snapshot(), Value?.Optimizer.Snapshot(), maxShardSize);

    /// <summary>Writes float32 weights and moments of policy and value model, the value head among them.</summary>
    public void SaveOptimizers(string directory)
    {
        Optimizer.Save(directory, PolicyOptimizer);
        Value?.Optimizer.Save(directory, ValueOptimizer);
    }

    /// <summary>Checks that <see cref="Load"/> will find what it needs.</summary>
    /// <exception cref="Gram.Models.GramException">A file is missing or of another model.</exception>
    public void Check(string directory)
    {
        Optimizer.Check(directory, PolicyOptimizer);
        Value?.Optimizer.Check(directory, ValueOptimizer);
    }

    /// <summary>Restores what <see cref="SaveOptimizers"/> wrote, weights included.</summary>
    public void Load(string directory)
    {
        Optimizer.Load(directory, PolicyOptimizer);
        Value?.Optimizer.Load(directory, ValueOptimizer);
        Policy.WeightsChanged();
    }

    public void Dispose()
    {
        Value?.Optimizer.Dispose();
        Value?.Model.Dispose();
        Optimizer?.Dispose();
        if (Reference != frozen) Reference?.Dispose();
        Policy.Dispose();
        masters?.Dispose();
        valueMasters?.Dispose();
        if (ownsFrozen) frozen!.Dispose();
    }

    /// <summary>The policy's adapter over its base. Its draws are apart from the run's, which are then those of a run without one.</summary>
    private CausalLM OverFrozen(PpoOptions options, string baseName)
    {
        try
        {
            return frozen!.WithAdapter(options.Lora.Over(frozen, baseName, new RandomSource(~options.Seed)));
        }
        catch
        {
            if (ownsFrozen) frozen!.Dispose(); // an adapter of another base leaves it behind
            throw;
        }
    }

    private static AdamWOptions AdamWOptionsOf(PpoOptions options) => new()
    {
        Beta1 = options.AdamBeta1,
        Beta2 = options.AdamBeta2,
        Epsilon = options.AdamEpsilon,
        WeightDecay = options.WeightDecay,
        MaxGradNorm = options.MaxGradNorm,
        HasEightBitMoments = options.HasEightBitMoments,
    };
}
