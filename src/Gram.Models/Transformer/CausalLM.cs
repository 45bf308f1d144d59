using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Transformer.Architectures;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Transformer;

/// <summary>A decoder language model: weights under their Hugging Face names, and the forward pass.</summary>
public sealed class CausalLM : IDisposable
{
    /// <summary>Rows × tokens up to which packed linears beat plain ones.</summary>
    private const long PackedRows = 64;

    private readonly Tensor embedding, head;
    private readonly Block[] blocks;
    private readonly RmsNorm finalNorm;
    private readonly RotaryEmbedding rotary;
    private PackedLinear? packedHead;

    internal CausalLM(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters)
    {
        (Config, Parameters) = (config, parameters);
        embedding = parameters["model.embed_tokens.weight"];
        head = config.TieWordEmbeddings ? embedding : parameters["lm_head.weight"];
        (DType, Device) = (embedding.dtype, embedding.device);
        blocks = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(layer => new Block(config, layer, parameters))];
        finalNorm = new(parameters["model.norm.weight"], config.RmsNormEps);
        rotary = new(config, DType, Device);
    }

    /// <summary>Loads a Hugging Face directory.</summary>
    /// <exception cref="GramException">A file, a tensor or its shape is missing or wrong, or the architecture is not supported.</exception>
    public static CausalLM Load(string directory, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        Libtorch.Load();
        return CheckpointReader.Read(directory, dtype, device ?? CPU);
    }

    /// <summary>A model with random weights (normal, standard deviation initializer_range or 0.02; norms 1, biases 0).</summary>
    public static CausalLM Create(ModelConfig config, RandomSource random, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        Libtorch.Load();
        return RandomWeights.Create(config, random, dtype, device ?? CPU);
    }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config { get; }
    /// <summary>Dtype of the weights.</summary>
    public ScalarType DType { get; }
    /// <summary>Device of the weights.</summary>
    public Device Device { get; }
    /// <summary>Weights by Hugging Face name, embedding first, head last; a tied head is not listed twice. Leaves: set requires_grad through <see cref="SetTrainable"/>.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Switches gradients of all parameters on or off.</summary>
    public void SetTrainable(bool trainable)
    {
        foreach (var parameter in Parameters.Values) parameter.requires_grad = trainable;
    }

    /// <summary>Last hidden states after the final norm, [rows, tokens, hidden].</summary>
    /// <param name="tokens">[rows, tokens] int64.</param>
    /// <param name="mask">[rows, cached + tokens], 1 = real, 0 = padding; null = all real. Positions are cumsum(mask) − 1. Right padding needs no mask: causality hides it.</param>
    /// <param name="cache">Keys and values of earlier tokens, extended by this call. With a cache the call is inference and uses packed linears where they pay; without, plain kernels, differentiable.</param>
    public Tensor Hidden(Tensor tokens, Tensor? mask = null, KvCache? cache = null)
    {
        using var noGrad = cache is null ? null : no_grad();
        using var scope = NewDisposeScope();
        var x = Layers(tokens, mask, cache, blocks.Length);
        var rows = tokens.numel();
        var normalised = cache is not null && Packs(rows) ? finalNorm.ForwardPacked(x, rows, Config.HiddenSize) : finalNorm.Forward(x);
        return normalised.MoveToOuterDisposeScope();
    }

    /// <summary>[rows, tokens, hidden] residual stream after the first blocks, without the final norm.</summary>
    internal Tensor Layers(Tensor tokens, Tensor? mask, KvCache? cache, int count)
    {
        using var scope = NewDisposeScope();
        var shape = tokens.shape;
        var (rows, t, cached) = (shape[0], shape[1], (long)(cache?.Length ?? 0));
        if (cache is not null && (cache.Rows != rows || cached + t > cache.Capacity))
        {
            throw new ArgumentException($"the cache has {cache.Rows} rows and room for {cache.Capacity - cached} more tokens, not {rows} and {t}", nameof(cache));
        }
        var state = new ForwardState(
            mask is null ? rotary.At(cached, t) : rotary.At(AttentionMask.Positions(mask, cached, t), rows, t, cached + t),
            mask is not null ? AttentionMask.Padded(mask, cached, t, DType) : cached > 0 && t > 1 ? AttentionMask.Causal(cached, t, DType, Device) : null,
            Causal: mask is null && cached == 0 && t > 1,
            rows, t, cache,
            Packed: cache is not null && Packs(rows * t));
        var x = Aten.Embedding(embedding, tokens);
        foreach (var block in blocks.AsSpan(0, count)) x = block.Forward(x, state);
        if (cache is not null) cache.Length += (int)t;
        return x.MoveToOuterDisposeScope();
    }

    /// <summary>Logits of all words, in the model's dtype, for hidden states [..., hidden]. packed: decode kernels (inference only).</summary>
    public Tensor Logits(Tensor hidden, bool packed = false)
    {
        if (!packed || !Packs(hidden.numel() / Config.HiddenSize)) return F.linear(hidden, head);
        using var noGrad = no_grad();
        packedHead ??= new PackedLinear(head);
        return packedHead.Forward(hidden);
    }

    /// <summary>Float32 logits of a few words only: [..., ids.Count], hidden and head rows widened to float32 first.</summary>
    public Tensor LogitsOf(Tensor hidden, IReadOnlyList<int> ids)
    {
        using var scope = NewDisposeScope();
        var index = tensor(ids.Select(id => (long)id).ToArray(), device: Device);
        var rows = head.index_select(0, index).to(ScalarType.Float32);
        return F.linear(hidden.to(ScalarType.Float32), rows).MoveToOuterDisposeScope();
    }

    /// <summary>A cache for this model.</summary>
    public KvCache NewCache(int rows, int capacity)
    {
        return new KvCache(Layers(), Layers(), rows, capacity);

        Tensor[] Layers() => [.. blocks.Select(_ =>
            empty([rows, Config.NumKeyValueHeads, capacity, Config.HeadDim], DType, Device).DetachFromDisposeScope())];
    }

    /// <summary>Says that weights were changed in place: packed copies are rebuilt at the next use.</summary>
    public void WeightsChanged()
    {
        packedHead?.Dispose();
        packedHead = null;
        foreach (var block in blocks) block.Unpack();
    }

    /// <summary>A copy with weights of its own.</summary>
    public CausalLM Clone(ScalarType? dtype = null)
    {
        using var noGrad = no_grad();
        return new CausalLM(Config, Parameters.ToDictionary(
            parameter => parameter.Key,
            parameter => parameter.Value.detach().to(dtype ?? DType, copy: true).DetachFromDisposeScope()));
    }

    /// <summary>Writes config.json, generation_config.json and model.safetensors into an existing directory (tokenizer files apart). weights: others than its own (float32 masters), by the same names; dtype: stored dtype, default the weights'.</summary>
    public void Save(string directory, IReadOnlyDictionary<string, Tensor>? weights = null, ScalarType? dtype = null) =>
        CheckpointWriter.Write(directory, Config, Parameters.Keys.Select(name => KeyValuePair.Create(name, (weights ?? Parameters)[name])), dtype);

    /// <inheritdoc/>
    public void Dispose()
    {
        WeightsChanged();
        rotary.Dispose();
        foreach (var parameter in Parameters.Values) parameter.Dispose();
    }

    private bool Packs(long rows) => rows <= PackedRows && Device.type == DeviceType.CPU && DType is ScalarType.Float32 or ScalarType.BFloat16;
}
