using Gram.Models.Checkpoints;
using static TorchSharp.torch;

namespace Gram.Training.Optimisation;

/// <summary>A copy, on the CPU, of all that an optimiser's checkpoint holds, which may be written while the optimiser goes on.</summary>
public sealed class OptimizerSnapshot : IDisposable
{
    private const string MasterPrefix = "master.";

    private readonly Dictionary<string, Tensor> state;

    internal OptimizerSnapshot(IEnumerable<KeyValuePair<string, Tensor>> state)
    {
        using var noGrad = no_grad();
        this.state = state.ToDictionary(entry => entry.Key, entry => entry.Value.to(entry.Value.dtype, CPU, copy: true).DetachFromDisposeScope());
        Masters = this.state.Where(entry => entry.Key.StartsWith(MasterPrefix, StringComparison.Ordinal)).ToDictionary(entry => entry.Key[MasterPrefix.Length..], entry => entry.Value);
    }

    /// <summary>Float32 weights by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Masters { get; }

    /// <inheritdoc cref="AdamW.Save"/>
    public void Save(string directory, string name = "optimizer") => SafetensorsWriter.Write(AdamW.PathOf(directory, name), state);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in state.Values) tensor.Dispose();
    }
}
