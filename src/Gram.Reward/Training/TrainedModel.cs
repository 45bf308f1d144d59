using Gram.Models;
using Gram.Models.Transformer;
using Gram.Training.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>The model of a run: all of it is trained, or an adapter over a base that stays as it is.</summary>
internal sealed class TrainedModel : IDisposable
{
    private readonly CausalLM loaded; // float32 weights, or an adapter's base

    /// <summary>Loads it.</summary>
    /// <param name="options">The run.</param>
    /// <param name="baseName">What an adapter will say its base is.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="random">Draws the factors of a new adapter.</param>
    /// <exception cref="GramException">A file is missing or wrong, or an adapter is none of the model.</exception>
    public TrainedModel(GramTrainingOptions options, string baseName, ScalarType dtype, Device? device, RandomSource random)
    {
        var isAdapter = options.FinetuningType == FinetuningType.Lora;
        loaded = CausalLM.Load(new ModelLocation(options.ModelNameOrPath), isAdapter ? dtype : ScalarType.Float32, device);
        try
        {
            // Float32 weights are the masters; a bf16 model is a compute copy of them. An adapter is float32 whatever its base is.
            Model = isAdapter ? loaded.WithAdapter(options.Lora.Over(loaded, baseName, random)) : dtype == ScalarType.Float32 ? loaded : loaded.Clone(dtype);
            Masters = isAdapter ? null : loaded.Parameters;
        }
        catch
        {
            loaded.Dispose(); // an adapter of another base leaves it behind
            throw;
        }
    }

    /// <summary>What is trained, and saved.</summary>
    public CausalLM Model { get; }

    /// <summary>Float32 weights that the model computes with a copy of; null: those of its parameters that are not float32 get their own.</summary>
    public IReadOnlyDictionary<string, Tensor>? Masters { get; }

    /// <summary>What a run trains of its model, in one line; null where that is all of it.</summary>
    /// <exception cref="GramException">The adapter is none of the model.</exception>
    public static string? Describe(GramTrainingOptions options) => options.FinetuningType == FinetuningType.Lora ? options.Lora.Describe(options.ModelNameOrPath) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Model != loaded) Model.Dispose();
        loaded.Dispose();
    }
}
