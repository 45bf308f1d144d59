using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Ppo;

/// <summary>V_t: a scalar head on a decoder trunk of its own, or on the policy's, read at the position before token t.</summary>
public sealed class ValueModel : IDisposable
{
    private const string HeadFile = "value_head.safetensors", WeightName = "value_head.weight", BiasName = "value_head.bias", LmHead = "lm_head.weight";

    private readonly CausalLM? trunk;
    private readonly Tensor weight, bias; // [1, hidden], [1], float32

    private ValueModel(CausalLM? trunk, int hiddenSize, Device device)
    {
        this.trunk = trunk;
        weight = zeros(1, hiddenSize, device: device).DetachFromDisposeScope();
        bias = zeros(1, device: device).DetachFromDisposeScope();
        Parameters = new Dictionary<string, Tensor>(trunk?.Parameters.Where(parameter => parameter.Key != LmHead) ?? []) { [WeightName] = weight, [BiasName] = bias };
    }

    /// <summary>A value model on a trunk of its own, which it takes over, with a head at 0.</summary>
    public static ValueModel Separate(CausalLM trunk) => new(trunk, trunk.Config.HiddenSize, trunk.Device);

    /// <summary>A head at 0 on the policy's trunk: one forward serves both.</summary>
    public static ValueModel Shared(CausalLM policy) => new(null, policy.Config.HiddenSize, policy.Device);

    /// <summary>Whether it reads the policy's hidden states.</summary>
    public bool IsShared => trunk is null;

    /// <summary>Its own trunk, if it has one.</summary>
    internal CausalLM? Trunk => trunk;

    /// <summary>What is trained beside the policy, by name: the value head, and its own trunk without a word head.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Switches gradients of all parameters on or off.</summary>
    public void SetTrainable(bool trainable)
    {
        foreach (var parameter in Parameters.Values) parameter.requires_grad = trainable;
    }

    /// <summary>[rows, responseTokens] float32 V before each response token; 0 outside the mask.</summary>
    /// <param name="batch">Prompts and responses.</param>
    /// <param name="policyHidden">[rows, tokens, hidden] of the policy: what a shared head reads.</param>
    public Tensor Score(SequenceBatch batch, Tensor policyHidden)
    {
        using var scope = NewDisposeScope();
        var hidden = TokenScorer.Gather(trunk?.Hidden(batch.Tokens) ?? policyHidden, batch); // [rows, responseTokens, hidden]
        var values = F.linear(hidden.to(ScalarType.Float32), weight, bias).squeeze(-1);
        return Mathematics.Masked.Fill(values, batch.Mask).MoveToOuterDisposeScope();
    }

    /// <summary>Writes the head (value_head.safetensors), and beside it a trunk of its own as a Hugging Face directory.</summary>
    /// <param name="directory">An existing directory.</param>
    /// <param name="weights">Others than its own by the same names (float32 masters).</param>
    /// <param name="maxShardSize">Largest file of the trunk's weights.</param>
    public void Save(string directory, IReadOnlyDictionary<string, Tensor>? weights = null, string maxShardSize = Shards.DefaultSize)
    {
        weights ??= Parameters;
        trunk?.Save(directory, weights: trunk.Parameters.Keys.ToDictionary(name => name, name => weights.GetValueOrDefault(name) ?? trunk.Parameters[name]), maxShardSize: maxShardSize);
        SafetensorsWriter.Write(Path.Combine(directory, HeadFile), [new(WeightName, weights[WeightName]), new(BiasName, weights[BiasName])]);
    }

    /// <summary>Reads what <see cref="Save"/> wrote of a separate value model.</summary>
    /// <exception cref="GramException">A file is missing or of another model.</exception>
    public static ValueModel Load(string directory, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        var model = Separate(CausalLM.Load(directory, dtype, device));
        try
        {
            model.LoadHead(directory);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Reads the head that <see cref="Save"/> wrote.</summary>
    /// <exception cref="GramException">The file is missing or of another model.</exception>
    public void LoadHead(string directory)
    {
        var path = Path.Combine(directory, HeadFile);
        using var store = TensorStore.OpenFile(path);
        using var noGrad = no_grad();
        foreach (var (name, parameter) in (ReadOnlySpan<(string, Tensor)>)[(WeightName, weight), (BiasName, bias)])
        {
            if (!store.Names.Contains(name) || !store.Shape(name).SequenceEqual(parameter.shape)) throw new GramException($"{path}: '{name}' is missing or is not [{string.Join(", ", parameter.shape)}]; the head is of another model");
            using var stored = store.Load(name, ScalarType.Float32);
            parameter.copy_(stored);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        trunk?.Dispose();
        weight.Dispose();
        bias.Dispose();
    }
}
