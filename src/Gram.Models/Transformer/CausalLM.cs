using Gram.Models.Checkpoints;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>A decoder language model: weights under their Hugging Face names, and the forward pass.</summary>
public sealed class CausalLM : IDisposable
{
    /// <summary>Loads a Hugging Face directory.</summary>
    public static CausalLM Load(string directory, ScalarType dtype = ScalarType.Float32, Device? device = null) => throw new NotImplementedException();
    /// <summary>A model with random weights (normal, standard deviation initializer_range or 0.02; norms 1).</summary>
    public static CausalLM Create(ModelConfig config, RandomSource random, ScalarType dtype = ScalarType.Float32, Device? device = null) => throw new NotImplementedException();
    /// <summary>The model's shape.</summary>
    public ModelConfig Config => throw new NotImplementedException();
    /// <summary>Dtype of the weights.</summary>
    public ScalarType DType => throw new NotImplementedException();
    /// <summary>Device of the weights.</summary>
    public Device Device => throw new NotImplementedException();
    /// <summary>Weights by Hugging Face name, in the file's order; a tied head is not listed twice. Leaves: set requires_grad through <see cref="SetTrainable"/>.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters => throw new NotImplementedException();
    /// <summary>Switches gradients of all parameters on or off.</summary>
    public void SetTrainable(bool trainable) => throw new NotImplementedException();
    /// <summary>Last hidden states after the final norm, [rows, tokens, hidden].</summary>
    /// <param name="tokens">[rows, tokens] int64.</param>
    /// <param name="mask">[rows, cached + tokens], 1 = real, 0 = padding; null = all real. Positions are cumsum(mask) − 1. Right padding needs no mask: causality hides it.</param>
    /// <param name="cache">Keys and values of earlier tokens, extended by this call. With a cache the call is inference and uses packed linears where they pay; without, plain kernels, differentiable.</param>
    public Tensor Hidden(Tensor tokens, Tensor? mask = null, KvCache? cache = null) => throw new NotImplementedException();
    /// <summary>Logits of all words, in the model's dtype, for hidden states [..., hidden]. packed: decode kernels (inference only).</summary>
    public Tensor Logits(Tensor hidden, bool packed = false) => throw new NotImplementedException();
    /// <summary>Float32 logits of a few words only: [..., ids.Count], hidden and head rows widened to float32 first.</summary>
    public Tensor LogitsOf(Tensor hidden, IReadOnlyList<int> ids) => throw new NotImplementedException();
    /// <summary>A cache for this model.</summary>
    public KvCache NewCache(int rows, int capacity) => throw new NotImplementedException();
    /// <summary>Says that weights were changed in place: packed copies are rebuilt at the next use.</summary>
    public void WeightsChanged() => throw new NotImplementedException();
    /// <summary>A copy with weights of its own.</summary>
    public CausalLM Clone(ScalarType? dtype = null) => throw new NotImplementedException();
    /// <summary>Writes config.json, generation_config.json and model.safetensors into an existing directory (tokenizer files apart). weights: others than its own (float32 masters), by the same names; dtype: stored dtype, default the weights'.</summary>
    public void Save(string directory, IReadOnlyDictionary<string, Tensor>? weights = null, ScalarType? dtype = null) => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}
