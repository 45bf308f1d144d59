using Gram.Models.Native;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>
/// Views: models that share a base's weights and add an adapter of their own. Any number of them live over
/// one base (a policy, a value model, a judge); which one is called says which adapter applies. The base must outlive them.
/// </summary>
public sealed partial class CausalLM
{
    private readonly CausalLM? parent;
    private bool ownsParent;

    /// <summary>The adapter of a view; null of a model of its own.</summary>
    public LoraAdapter? Adapter { get; }

    /// <summary>Draws the adapter's dropout in forwards that record gradients; null = no dropout.</summary>
    public RandomSource? DropoutRandom { get; set; }

    /// <summary>Loads a base model and an adapter of it (a PEFT directory), as one model.</summary>
    /// <exception cref="GramException">A file, a tensor or its shape is missing or wrong, or the adapter is of another base or kind.</exception>
    public static CausalLM Load(string directory, string adapterDirectory, ScalarType dtype = ScalarType.Float32, Device? device = null) =>
        Load(ModelLocation.Of(directory, adapterDirectory), dtype, device);

    /// <summary>Loads a model, with its adapter where it has one.</summary>
    /// <param name="location">Where it lies.</param>
    /// <param name="dtype">Dtype that it computes in, and of its weights.</param>
    /// <param name="device">Where it runs; default the CPU.</param>
    /// <param name="quantize">Whether the blocks' linears become int8 (<see cref="Int8Linear"/>): half of bfloat16's memory, for a model that is only run. Embedding, head and norms stay as they are.</param>
    /// <exception cref="GramException">A file, a tensor or its shape is missing or wrong, the architecture is not supported, or the adapter is of another base or kind.</exception>
    public static CausalLM Load(ModelLocation location, ScalarType dtype = ScalarType.Float32, Device? device = null, bool quantize = false)
    {
        Libtorch.Load();
        var model = CheckpointReader.Read(location.Directory, dtype, device ?? CPU, quantize);
        if (location.Adapter is not { } adapter) return model;
        try
        {
            var view = model.WithAdapter(LoraAdapter.Load(adapter, model));
            view.ownsParent = true;
            return view;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>A view of this model with an adapter, which the view takes over. Its parameters are the adapter's; the base's bits are never changed.</summary>
    /// <exception cref="ArgumentException">This model is a view itself.</exception>
    public CausalLM WithAdapter(LoraAdapter adapter)
    {
        if (parent is not null) throw new ArgumentException("a view takes no second adapter: make another view of its base", nameof(adapter));
        var weights = new Dictionary<string, Tensor>(Weights);
        foreach (var (name, copy) in adapter.Copies) weights[name] = copy;
        // A tied head stays the base's embedding when the embedding is replaced, and the other way round, as in PEFT.
        var unties = Config.TieWordEmbeddings && (adapter.Copies.ContainsKey(EmbeddingName) || adapter.Copies.ContainsKey(HeadName));
        if (unties) weights.TryAdd(HeadName, embedding);
        return new(unties ? Config.Untied() : Config, weights, this, adapter);
    }

    /// <summary>A model of its own with a view's weights, W + scale · B · A where the adapter adds something; rounded to the base's dtype.</summary>
    /// <exception cref="InvalidOperationException">This model is no view, or an adapter is merged into its base.</exception>
    public CausalLM Merge()
    {
        Mergeable();
        using var noGrad = no_grad();
        return new(Config, Weights.ToDictionary(weight => weight.Key, weight => Merged(weight.Key, weight.Value).DetachFromDisposeScope()));

        Tensor Merged(string name, Tensor weight) =>
            name.EndsWith(".weight", StringComparison.Ordinal) && Adapter!.Linears.TryGetValue(name[..^".weight".Length], out var linear) ? linear.Merge(weight) : weight.clone();
    }

    /// <summary>
    /// Adds a view's adapter into the weights of its base, in place, until what is returned is disposed. Meanwhile the view and its
    /// base compute the same but for whole modules of the adapter, nothing is learnt by the adapter, and the base's other views refuse to run.
    /// </summary>
    /// <exception cref="InvalidOperationException">This model is no view, or an adapter is merged into its base.</exception>
    public MergedAdapter MergeIntoBase()
    {
        Mergeable();
        return new(parent!, Adapter!);
    }

    /// <summary>The adapter that its weights hold now, or null.</summary>
    internal LoraAdapter? MergedIn { get; set; }

    /// <summary>Whether the base's weights hold this view's adapter, so that it must not be added again.</summary>
    private bool IsMerged => parent?.MergedIn is { } merged && (merged == Adapter ? true : throw new InvalidOperationException("another view's adapter is merged into the base: dispose that merge first"));

    private void Mergeable()
    {
        if (parent is null) throw new InvalidOperationException("only a view has an adapter to merge");
        if (IsInt8) throw Int8Only("merged into");
        if (parent.MergedIn is not null) throw new InvalidOperationException("an adapter is merged into the base already: dispose that merge first");
    }

    private LoraDropout? Dropout() =>
        Adapter is { Config.Dropout: > 0 and var probability } && DropoutRandom is { } random && is_grad_enabled() ? new(probability, random.NextUInt64()) : null;
}
