using Gram.Models.Checkpoints;
using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Transformer.Architectures;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>What all blocks of one forward share.</summary>
internal readonly record struct ForwardState
{
    /// <summary>Rows.</summary>
    public required long Rows { get; init; }
    /// <summary>Tokens of a row.</summary>
    public required long Tokens { get; init; }
    /// <summary>Rotary angles of the tokens, for operators; null where kernels are used.</summary>
    public Angles? Angles { get; init; }
    /// <summary>Rotary angles for kernels, which take rows without a mask of their own; null where operators are used.</summary>
    public RotaryTable? Rotary { get; init; }
    /// <summary>Additive mask, or null.</summary>
    public Tensor? Mask { get; init; }
    /// <summary>Upper-left causal attention, where there is no mask.</summary>
    public bool Causal { get; init; }
    /// <summary>Keys and values of earlier tokens, or null.</summary>
    public KvCache? Cache { get; init; }
    /// <summary>[rows, 1, t, 1] places of the tokens in a cache whose rows differ in length, or null.</summary>
    public Tensor? Places { get; init; }
    /// <summary>Sequences that the rows hold, each of which attends to itself alone; null: a row is one.</summary>
    public PackedRows? Packed { get; init; }
    /// <summary>Whether the adapter is left out: the base's weights hold it now.</summary>
    public bool Merged { get; init; }
    /// <summary>Dropout of the adapters' inputs, or null.</summary>
    public LoraDropout? Dropout { get; init; }
}

/// <summary>One decoder block: x + attention(norm(x)), then x + mlp(norm(x)).</summary>
internal sealed class Block
{
    private readonly ModelConfig config;
    private readonly int layer;
    private readonly RmsNorm inputNorm, postNorm;
    private readonly RmsNorm? queryNorm, keyNorm;
    private readonly PlainLinears linears;
    private readonly LoraBlock? lora;

    /// <summary>A block of these weights.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="layer">The block's place.</param>
    /// <param name="weights">The model's weights.</param>
    /// <param name="adapter">An adapter of its linears, or null.</param>
    public Block(ModelConfig config, int layer, IReadOnlyDictionary<string, Tensor> weights, LoraAdapter? adapter = null)
    {
        (this.config, this.layer) = (config, layer);
        var prefix = Architecture.Layer(layer);
        inputNorm = Norm("input_layernorm")!.Value;
        postNorm = Norm("post_attention_layernorm")!.Value;
        queryNorm = Norm("self_attn.q_norm");
        keyNorm = Norm("self_attn.k_norm");
        linears = new(weights, prefix);
        if (adapter is not null) lora = new(adapter, layer, prefix);

        RmsNorm? Norm(string name) => weights.TryGetValue($"{prefix}{name}.weight", out var weight) ? new(weight, config.RmsNormEps) : null;
    }

    /// <summary>x [rows, t, hidden] to the same shape.</summary>
    public Tensor Forward(Tensor x, in ForwardState state)
    {
        using var scope = NewDisposeScope();
        var products = Linears(state);
        var attended = x + products.Output(Attention(products, inputNorm.Forward(x), state));
        return (attended + Mlp(products, postNorm.Forward(attended))).MoveToOuterDisposeScope();
    }

    private IBlockLinears Linears(in ForwardState state) =>
        lora is null || state.Merged ? linears : new AdaptedLinears(linears, lora, state.Dropout);

    // down(silu(gate(x)) · up(x))
    private static Tensor Mlp(IBlockLinears linears, Tensor x)
    {
        var (gate, up) = linears.GateUp(x);
        return linears.Down(GatedActivation.Of(gate, up));
    }

    private Tensor Attention(IBlockLinears linears, Tensor x, in ForwardState state)
    {
        var (q, k, v) = linears.Qkv(x);
        if (state.Rotary is { } rotary)
        {
            var shape = new AttentionShape((int)state.Rows, (int)state.Tokens, config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
            (q, k) = (Normed(q, queryNorm, state), Normed(k, keyNorm, state));
            return state.Cache is { } past ? CachedAttention.Of(q, k, v, shape, rotary, past, layer) : CausalAttention.Of(q, k, v, shape, rotary, state.Packed);
        }
        q = Heads(q, config.NumAttentionHeads, state, queryNorm, rotated: true);
        k = Heads(k, config.NumKeyValueHeads, state, keyNorm, rotated: true);
        v = Heads(v, config.NumKeyValueHeads, state, null, rotated: false);
        if (state.Cache is { } cache) (k, v) = cache.Append(layer, k, v, state.Tokens, state.Places);
        if (state.Tokens == 1)
        {
            // The query heads of a key-value head as if they were its tokens: in bf16 2.5 to 7 times as fast as grouped-query attention.
            q = q.reshape(state.Rows, config.NumKeyValueHeads, -1, config.HeadDim);
            return Aten.ScaledDotProductAttention(q, k, v, state.Mask, causal: false).reshape(state.Rows, 1, -1);
        }
        var attended = Aten.ScaledDotProductAttention(q, k, v, state.Mask, state.Causal); // [rows, heads, t, headDim]
        return attended.transpose(1, 2).reshape(state.Rows, state.Tokens, -1);
    }

    // The same shape, normed head by head.
    private Tensor Normed(Tensor x, RmsNorm? norm, in ForwardState state) => norm is { } known ? known.Forward(x.view(state.Rows, state.Tokens, -1, config.HeadDim)).view(state.Rows, state.Tokens, -1) : x;

    // [rows, t, heads · headDim] to [rows, heads, t, headDim]
    private Tensor Heads(Tensor x, int heads, in ForwardState state, RmsNorm? norm, bool rotated)
    {
        x = x.view(state.Rows, state.Tokens, heads, config.HeadDim);
        if (norm is { } known) x = known.Forward(x);
        x = x.transpose(1, 2);
        return rotated ? RotaryEmbedding.Rotate(x, state.Angles!.Value, config.HeadDim) : x;
    }
}
