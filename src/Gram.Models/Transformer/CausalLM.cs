using Gram.Models.Checkpoints;
using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Tokenization;
using Gram.Models.Transformer.Architectures;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Transformer;

/// <summary>
/// A decoder language model: weights under their Hugging Face names, and the forward pass. Several threads may run it, each with a cache
/// of its own; changing its weights, and training, is for one alone.
/// </summary>
public sealed partial class CausalLM : IDisposable
{
    private const string EmbeddingName = "model.embed_tokens.weight", HeadName = "lm_head.weight";

    /// <summary>Tokens from which operators beat the one kernel where libtorch multiplies bfloat16 faster. Measured.</summary>
    private const int WorthOperators = 128;

    private readonly Tensor embedding;
    private readonly Linear head;
    private readonly Block[] blocks;
    private readonly RmsNorm finalNorm;
    private readonly RotaryEmbedding rotary;
    private readonly RotaryTable? rotaryTable;
    private readonly Lock gate = new();
    private (CpuForward Kernel, bool Merged)? inference;
    private bool areMoved;

    internal CausalLM(ModelConfig config, IReadOnlyDictionary<string, Tensor> weights) : this(config, weights, null, null) { }

    private CausalLM(ModelConfig config, IReadOnlyDictionary<string, Tensor> weights, CausalLM? parent, LoraAdapter? adapter)
    {
        (Config, Weights, this.parent, Adapter) = (config, weights, parent, adapter);
        embedding = weights[EmbeddingName];
        head = new(config.TieWordEmbeddings ? embedding : weights[HeadName], null);
        (DType, Device) = (embedding.dtype, embedding.device);
        IsInt8 = weights.Values.Any(weight => weight.dtype == ScalarType.Int8);
        blocks = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(layer => new Block(config, layer, weights, adapter))];
        finalNorm = new(weights["model.norm.weight"], config.RmsNormEps);
        rotary = new(config, DType, Device);
        rotaryTable = Elements.Take(embedding) ? new(config) : null;
    }

    /// <summary>Loads a Hugging Face directory; a PEFT adapter's directory is loaded over the base model that it names.</summary>
    /// <exception cref="GramException">A file, a tensor or its shape is missing or wrong, or the architecture is not supported.</exception>
    public static CausalLM Load(string directory, ScalarType dtype = ScalarType.Float32, Device? device = null) => Load(ModelLocation.Of(directory), dtype, device);

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
    /// <summary>All weights that it computes with, by Hugging Face name, embedding first, head last; a tied head is not listed twice. A view's are its base's, but for the whole modules of its adapter.</summary>
    public IReadOnlyDictionary<string, Tensor> Weights { get; }
    /// <summary>What is trained and saved: all weights, or those of a view's adapter alone, by PEFT's names. Leaves: set requires_grad through <see cref="SetTrainable"/>.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters => Adapter?.Parameters ?? Weights;

    /// <summary>
    /// Whether a forward that records gradients keeps each block's input alone, and the backward computes the rest again: the same bits
    /// in a fraction of the memory, for the time of one more forward of the blocks. A view has its own setting, a clone its original's.
    /// </summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>Whether the blocks' linears are int8: such a model is run, and neither trained, copied nor saved. A view over it has an adapter that can be.</summary>
    public bool IsInt8 { get; }

    /// <summary>Switches gradients of all parameters on or off; a view's base keeps its own setting.</summary>
    public void SetTrainable(bool trainable)
    {
        if (IsInt8 && Adapter is null && trainable) throw Int8Only("trained");
        foreach (var parameter in Parameters.Values) parameter.requires_grad = trainable;
    }

    /// <summary>Last hidden states after the final norm, [rows, tokens, hidden]; differentiable.</summary>
    /// <param name="tokens">[rows, tokens] int64.</param>
    /// <param name="mask">[rows, tokens], 1 = real, 0 = padding; null = all real. Positions are cumsum(mask) − 1. Right padding needs no mask: causality hides it.</param>
    public Tensor Hidden(Tensor tokens, Tensor? mask = null)
    {
        using var scope = NewDisposeScope();
        return finalNorm.Forward(Layers(tokens, mask, null, blocks.Length)).MoveToOuterDisposeScope();
    }

    /// <summary>The same for rows that hold several sequences each, without padding between them; differentiable.</summary>
    /// <param name="tokens">[rows, tokens] int64.</param>
    /// <param name="packed">Where the sequences lie; each computes what it would in a row of its own.</param>
    /// <exception cref="ArgumentException">The layout is of other rows.</exception>
    public Tensor Hidden(Tensor tokens, PackedRows packed)
    {
        if (tokens.size(0) != packed.Rows || tokens.size(1) != packed.Tokens) throw new ArgumentException($"the layout is of {packed.Rows} rows of {packed.Tokens} tokens, not of {tokens.size(0)} of {tokens.size(1)}", nameof(packed));
        using var scope = NewDisposeScope();
        return finalNorm.Forward(Layers(tokens, Packed(packed), null, blocks.Length)).MoveToOuterDisposeScope();
    }

    /// <summary>The same for tokens that follow those of a cache, which is extended by them: inference, on a CPU as one kernel.</summary>
    /// <param name="tokens">[rows, tokens] int64: the next tokens of each of the cache's rows. Shorter rows are padded on the right, and <see cref="KvCache.Truncate"/>d afterwards.</param>
    /// <param name="cache">Keys and values of earlier tokens.</param>
    /// <exception cref="ArgumentException">The cache has other rows, or no room.</exception>
    public Tensor Hidden(Tensor tokens, KvCache cache)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (rows, t) = (tokens.size(0), tokens.size(1));
        RequireRoom(cache, rows, t);
        if (!InfersByKernel || MultipliesFaster(rows * t)) return finalNorm.Forward(Layers(tokens, null, cache, blocks.Length)).MoveToOuterDisposeScope();
        var hidden = Inference.Hidden(tokens, cache).to(DType).view(rows, t, Config.HiddenSize);
        cache.Advance((int)t);
        return hidden.MoveToOuterDisposeScope();
    }

    /// <summary>One decoding step: float32 logits of what follows each row's next token, [rows, vocab]. The cache is extended by the tokens.</summary>
    /// <param name="tokens">[rows] int64.</param>
    /// <param name="cache">Keys and values of earlier tokens.</param>
    /// <exception cref="ArgumentException">The cache has other rows, or no room.</exception>
    public Tensor Decode(Tensor tokens, KvCache cache)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        if (!InfersByKernel) return InferenceLogits(Hidden(tokens.unsqueeze(1), cache).squeeze(1)).MoveToOuterDisposeScope();
        RequireRoom(cache, tokens.numel(), 1);
        var logits = Inference.Logits(Inference.Hidden(tokens, cache));
        cache.Advance(1);
        return logits.MoveToOuterDisposeScope();
    }

    /// <summary>[rows, tokens, hidden] residual stream after the first blocks, without the final norm.</summary>
    internal Tensor Layers(Tensor tokens, Tensor? mask, KvCache? cache, int count)
    {
        using var scope = NewDisposeScope();
        var shape = tokens.shape;
        var (rows, t) = (shape[0], shape[1]);
        return Layers(tokens, cache is null ? Whole(rows, t, mask) : Continued(cache, rows, t), cache, count).MoveToOuterDisposeScope();
    }

    private Tensor Layers(Tensor tokens, ForwardState state, KvCache? cache, int count)
    {
        using var scope = NewDisposeScope();
        state = state with { Dropout = Dropout(), Merged = IsMerged };
        var x = Aten.Embedding(embedding, tokens);
        var checkpoints = GradientCheckpointing && cache is null && Learns(x) ? new BlockCheckpoints(state, Device) : null;
        foreach (var block in blocks.AsSpan(0, count)) x = checkpoints?.Forward(block, x) ?? block.Forward(x, state);
        cache?.Advance((int)state.Tokens);
        return x.MoveToOuterDisposeScope();
    }

    private ForwardState Whole(long rows, long t, Tensor? mask) => mask is null
        ? rotaryTable is not null
            ? new() { Rows = rows, Tokens = t, Rotary = rotaryTable }
            : new() { Rows = rows, Tokens = t, Angles = rotary.At(0, t), Causal = t > 1 }
        : new() { Rows = rows, Tokens = t, Angles = rotary.At(AttentionMask.Positions(mask), rows, t, t), Mask = AttentionMask.Padded(mask, t, DType) };

    private ForwardState Packed(PackedRows packed)
    {
        var (rows, t) = (packed.Rows, packed.Tokens);
        if (rotaryTable is not null) return new() { Rows = rows, Tokens = t, Rotary = rotaryTable, Packed = packed };
        var positions = tensor(packed.Positions(), [rows, t], device: Device);
        return new() { Rows = rows, Tokens = t, Angles = rotary.At(positions, rows, t, packed.Longest), Mask = AttentionMask.Packed(packed, DType, Device) };
    }

    private ForwardState Continued(KvCache cache, long rows, long t)
    {
        var cached = cache.Longest;
        var state = new ForwardState { Rows = rows, Tokens = t, Cache = cache, Rotary = rotaryTable };
        if (rotaryTable is not null) return state;
        if (cache.Uniform)
        {
            var causal = cached == 0 && t > 1;
            return state with { Angles = rotary.At(cached, t), Causal = causal, Mask = t > 1 && !causal ? AttentionMask.Causal(cached, t, DType, Device) : null };
        }
        long[] lengths = [.. cache.Lengths.ToArray().Select(length => (long)length)];
        var places = tensor(lengths, [rows, 1], device: Device) + arange(t, device: Device); // [rows, t]
        return state with
        {
            Angles = rotary.At(places, rows, t, cached + t),
            Mask = AttentionMask.Ragged(places, cached + t, DType),
            Places = places.view(rows, 1, t, 1),
        };
    }

    private static void RequireRoom(KvCache cache, long rows, long t)
    {
        if (cache.Rows == rows && cache.Longest + t <= cache.Capacity) return;
        throw new ArgumentException($"the cache has {cache.Rows} rows and room for {cache.Capacity - cache.Longest} more tokens, not {rows} and {t}", nameof(cache));
    }

    /// <summary>Logits of all words, in the model's dtype, for hidden states [..., hidden]; differentiable.</summary>
    public Tensor Logits(Tensor hidden) => head.Forward(hidden);

    /// <summary>Float32 logits of all words, [rows, vocab], for hidden states [rows, hidden]: inference, on a CPU in the same kernel as <see cref="Decode"/>.</summary>
    public Tensor InferenceLogits(Tensor hidden)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return (InfersByKernel ? Inference.Logits(hidden.to(ScalarType.Float32)) : Logits(hidden).to(ScalarType.Float32)).MoveToOuterDisposeScope();
    }

    /// <summary>[vocab, hidden] rows that hidden states are multiplied with for logits.</summary>
    internal Tensor HeadWeight => head.Weight;

    /// <summary>Float32 logits of a few words only: [..., ids.Count], hidden and head rows widened to float32 first.</summary>
    public Tensor LogitsOf(Tensor hidden, IReadOnlyList<int> ids)
    {
        using var scope = NewDisposeScope();
        var index = tensor(ids.Select(id => (long)id).ToArray(), device: Device);
        var rows = Aten.Rows(head.Weight, index).to(ScalarType.Float32);
        return F.linear(hidden.to(ScalarType.Float32), rows).MoveToOuterDisposeScope();
    }

    /// <summary>A cache for this model.</summary>
    public KvCache NewCache(int rows, int capacity)
    {
        return new KvCache(Layers(), Layers(), rows, capacity);

        Tensor[] Layers() => [.. blocks.Select(_ => KvCache.Zeros(rows, Config.NumKeyValueHeads, capacity, Config.HeadDim, DType, Device))];
    }

    /// <summary>Says that its parameters were changed in place: what was copied of them, norms and biases, is read again at the next use.</summary>
    public void WeightsChanged()
    {
        lock (gate)
        {
            inference?.Kernel.Dispose();
            inference = null;
        }
    }

    /// <summary>A copy with parameters of its own; that of a view has the same base, and so its dtype. Dropout is off until it has a generator of its own.</summary>
    public CausalLM Clone(ScalarType? dtype = null)
    {
        if (parent is not null && dtype is not null && dtype != DType) throw new ArgumentException($"a view has its base's dtype, {DType}", nameof(dtype));
        if (IsInt8 && parent is null) throw Int8Only("copied");
        using var noGrad = no_grad();
        var clone = parent?.WithAdapter(Adapter!.Clone()) ?? new CausalLM(Config, CopyOfWeights(dtype ?? DType));
        clone.GradientCheckpointing = GradientCheckpointing;
        return clone;
    }

    /// <summary>
    /// Writes a Hugging Face directory: config.json, generation_config.json, the weights (in shards with an index where they
    /// exceed one), and the tokenizer's files; of a view, its adapter as PEFT's directory instead of configuration and weights.
    /// Weights of an earlier save are replaced when the new ones are whole.
    /// </summary>
    /// <param name="directory">The directory, which may be the one that the model was loaded from.</param>
    /// <param name="tokenizer">Its files are carried over byte for byte; null: those in the directory stay.</param>
    /// <param name="weights">Others than its own (float32 masters), by the same names.</param>
    /// <param name="dtype">Stored dtype; default the weights' own (an adapter's stay as they are).</param>
    /// <param name="maxShardSize">Largest file of weights, as <see cref="Shards.ParseSize"/> takes it; a tensor that is larger stands alone.</param>
    /// <exception cref="GramException">The directory cannot be written.</exception>
    public void Save(string directory, Tokenizer? tokenizer = null, IReadOnlyDictionary<string, Tensor>? weights = null, ScalarType? dtype = null, string maxShardSize = Shards.DefaultSize)
    {
        if (Adapter is not null) Adapter.Save(directory, weights);
        else if (IsInt8) throw Int8Only("saved");
        else CheckpointWriter.Write(directory, Config, [.. Weights.Keys.Select(name => KeyValuePair.Create(name, (weights ?? Weights)[name]))], dtype, Shards.ParseSize(maxShardSize));
        tokenizer?.CopyTo(directory);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        WeightsChanged();
        rotary.Dispose();
        rotaryTable?.Dispose();
        foreach (var parameter in Parameters.Values) parameter.Dispose();
        if (ownsParent) parent!.Dispose();
    }

    private static InvalidOperationException Int8Only(string what) => new($"a model with int8 weights is only run, and not {what}: load it without int8");

    // Whether libtorch's products of so many tokens beat the kernel's, which widens bfloat16 and multiplies float32.
    private bool MultipliesFaster(long tokens) => DType == ScalarType.BFloat16 && WideProducts.HasBFloat16Instructions && tokens >= WorthOperators;

    private bool InfersByKernel => !IsInt8 && Device.type == DeviceType.CPU && (DType is ScalarType.Float32 or ScalarType.BFloat16);

    private bool Learns(Tensor x) => is_grad_enabled() && (x.requires_grad || Weights.Values.Concat(Parameters.Values).Any(weight => weight.requires_grad));

    private CpuForward Inference
    {
        get
        {
            lock (gate)
            {
                if (inference is { } made && made.Merged != IsMerged) WeightsChanged();
                if (inference is null) MoveIntoLargePages();
                return (inference ??= (new CpuForward(Config, Weights, IsMerged ? null : Adapter), IsMerged)).Kernel;
            }
        }
    }

    // Each tensor by the model that it belongs to, before its first kernel: those of the views over it point to the same memory.
    private void MoveIntoLargePages()
    {
        lock (gate)
        {
            parent?.MoveIntoLargePages();
            if (areMoved) return;
            HugePages.Take(Weights.Where(weight => weight.Value.dim() == 2 && !ReferenceEquals(parent?.Weights.GetValueOrDefault(weight.Key), weight.Value)).Select(weight => weight.Value));
            areMoved = true;
        }
    }

    private Dictionary<string, Tensor> CopyOfWeights(ScalarType dtype)
    {
        if (Device.type != DeviceType.CPU) return Weights.ToDictionary(weight => weight.Key, weight => weight.Value.to(dtype, copy: true).DetachFromDisposeScope());
        using var pages = HugePages.For(Weights.Values.Select(weight => (weight.numel(), dtype)));
        return Weights.ToDictionary(weight => weight.Key, weight => pages.Empty(weight.Value.shape, dtype).copy_(weight.Value).DetachFromDisposeScope());
    }
}
