using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Ppo;

/// <summary>V_t: a decoder trunk with a scalar head, read at the position before token t.</summary>
public sealed class ValueModel : IDisposable
{
    private const string HeadFile = "value_head.safetensors", WeightName = "value_head.weight", BiasName = "value_head.bias", LmHead = "lm_head.weight";

    private readonly CausalLM trunk;
    private readonly Tensor weight, bias; // [1, hidden], [1], float32

    /// <summary>A value model on a trunk, which it owns, with a head at 0.</summary>
    public ValueModel(CausalLM trunk)
    {
        this.trunk = trunk;
        weight = zeros(1, trunk.Config.HiddenSize, device: trunk.Device).DetachFromDisposeScope();
        bias = zeros(1, device: trunk.Device).DetachFromDisposeScope();
        Parameters = new Dictionary<string, Tensor>(trunk.Parameters.Where(parameter => parameter.Key != LmHead)) { [WeightName] = weight, [BiasName] = bias };
    }

    /// <summary>What is trained, by name: the trunk without its word head, and the value head.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Switches gradients of all parameters on or off.</summary>
    public void SetTrainable(bool trainable)
    {
        foreach (var parameter in Parameters.Values) parameter.requires_grad = trainable;
    }

    /// <summary>[rows, responseTokens] float32 V before each response token; 0 outside the mask.</summary>
    public Tensor Score(SequenceBatch batch)
    {
        using var scope = NewDisposeScope();
        var hidden = TokenScorer.Gather(trunk.Hidden(batch.Tokens), batch); // [rows, responseTokens, hidden]
        var values = F.linear(hidden.to(ScalarType.Float32), weight, bias).squeeze(-1);
        return Mathematics.Masked.Fill(values, batch.Mask).MoveToOuterDisposeScope();
    }

    /// <summary>Writes the trunk as a Hugging Face directory with the head beside it (value_head.safetensors).</summary>
    /// <param name="directory">An existing directory.</param>
    /// <param name="weights">Others than its own by the same names (float32 masters).</param>
    public void Save(string directory, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        var all = new Dictionary<string, Tensor>(trunk.Parameters);
        foreach (var (name, value) in weights ?? Parameters) all[name] = value;
        trunk.Save(directory, all);
        SafetensorsWriter.Write(Path.Combine(directory, HeadFile), [new(WeightName, all[WeightName]), new(BiasName, all[BiasName])]);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="GramException">A file is missing or of another model.</exception>
    public static ValueModel Load(string directory, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        var path = Path.Combine(directory, HeadFile);
        using var store = TensorStore.OpenFile(path);
        var model = new ValueModel(CausalLM.Load(directory, dtype, device));
        using var noGrad = no_grad();
        foreach (var (name, parameter) in (ReadOnlySpan<(string, Tensor)>)[(WeightName, model.weight), (BiasName, model.bias)])
        {
            if (!store.Names.Contains(name) || !store.Shape(name).SequenceEqual(parameter.shape)) throw new GramException($"{path}: '{name}' is missing or is not [{string.Join(", ", parameter.shape)}]; the head is of another model");
            using var stored = store.Load(name, ScalarType.Float32);
            parameter.copy_(stored);
        }
        return model;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        trunk.Dispose();
        weight.Dispose();
        bias.Dispose();
    }
}
