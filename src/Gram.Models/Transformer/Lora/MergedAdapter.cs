using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer.Lora;

/// <summary>
/// An adapter added into its base's own weights, until this is disposed: its view then runs at the base's speed. The weights
/// themselves are kept meanwhile and put back, bit for bit, where taking the addition off again would leave its rounding.
/// </summary>
public sealed class MergedAdapter : IDisposable
{
    private readonly CausalLM model;
    private readonly List<(Tensor Weight, Tensor Original)> changed = [];

    internal MergedAdapter(CausalLM model, LoraAdapter adapter)
    {
        this.model = model;
        using var noGrad = no_grad();
        foreach (var (module, linear) in adapter.Linears)
        {
            var weight = model.Weights[module + ".weight"];
            changed.Add((weight, weight.clone().DetachFromDisposeScope()));
            using var merged = linear.Merge(weight);
            weight.copy_(merged);
        }
        model.MergedIn = adapter;
        model.WeightsChanged();
    }

    /// <summary>Gives the base its own weights back.</summary>
    public void Dispose()
    {
        using var noGrad = no_grad();
        foreach (var (weight, original) in changed)
        {
            weight.copy_(original);
            original.Dispose();
        }
        if (changed.Count == 0) return;
        changed.Clear();
        model.MergedIn = null;
        model.WeightsChanged();
    }
}
