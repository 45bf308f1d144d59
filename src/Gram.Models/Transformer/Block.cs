using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Transformer.Architectures;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>What all blocks of one forward share.</summary>
/// <param name="Angles">Rotary angles of the tokens.</param>
/// <param name="Mask">Additive mask, or null.</param>
/// <param name="Causal">Upper-left causal attention, where there is no mask.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Tokens">Tokens of a row.</param>
/// <param name="Cache">Keys and values of earlier tokens, or null.</param>
/// <param name="Packed">Whether the packed linears are used.</param>
internal readonly record struct ForwardState(Angles Angles, Tensor? Mask, bool Causal, long Rows, long Tokens, KvCache? Cache, bool Packed);

/// <summary>One decoder block: x + attention(norm(x)), then x + mlp(norm(x)).</summary>
internal sealed class Block : IDisposable
{
    private readonly ModelConfig config;
    private readonly int layer;
    private readonly RmsNorm inputNorm, postNorm;
    private readonly RmsNorm? queryNorm, keyNorm;
    private readonly PlainLinears plain;
    private PackedLinears? packed;

    public Block(ModelConfig config, int layer, IReadOnlyDictionary<string, Tensor> weights)
    {
        (this.config, this.layer) = (config, layer);
        var prefix = Architecture.Layer(layer);
        inputNorm = Norm("input_layernorm")!.Value;
        postNorm = Norm("post_attention_layernorm")!.Value;
        queryNorm = Norm("self_attn.q_norm");
        keyNorm = Norm("self_attn.k_norm");
        plain = new PlainLinears(weights, prefix);

        RmsNorm? Norm(string name) => weights.TryGetValue($"{prefix}{name}.weight", out var weight) ? new(weight, config.RmsNormEps) : null;
    }

    /// <summary>x [rows, t, hidden] to the same shape.</summary>
    public Tensor Forward(Tensor x, in ForwardState state)
    {
        using var scope = NewDisposeScope();
        var linears = Linears(state.Packed);
        var attended = x + linears.Output(Attention(linears, Norm(inputNorm, x, state), state));
        return (attended + linears.Mlp(Norm(postNorm, attended, state))).MoveToOuterDisposeScope();
    }

    /// <summary>Drops the packed copies: the weights changed.</summary>
    public void Unpack()
    {
        packed?.Dispose();
        packed = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Unpack();

    private Tensor Norm(RmsNorm norm, Tensor x, in ForwardState state) =>
        state.Packed ? norm.ForwardPacked(x, state.Rows * state.Tokens, config.HiddenSize) : norm.Forward(x);

    private IBlockLinears Linears(bool wantPacked)
    {
        if (!wantPacked) return plain;
        packed ??= new PackedLinears(plain);
        return packed;
    }

    private Tensor Attention(IBlockLinears linears, Tensor x, in ForwardState state)
    {
        var (q, k, v) = linears.Qkv(x);
        q = Heads(q, config.NumAttentionHeads, state, queryNorm, rotated: true);
        k = Heads(k, config.NumKeyValueHeads, state, keyNorm, rotated: true);
        v = Heads(v, config.NumKeyValueHeads, state, null, rotated: false);
        if (state.Cache is { } cache) (k, v) = cache.Append(layer, k, v, state.Tokens);
        if (state.Tokens == 1)
        {
            // The query heads of a key-value head as if they were its tokens: in bf16 2.5 to 7 times as fast as grouped-query attention.
            q = q.reshape(state.Rows, config.NumKeyValueHeads, -1, config.HeadDim);
            return Aten.ScaledDotProductAttention(q, k, v, state.Mask, causal: false).reshape(state.Rows, 1, -1);
        }
        var attended = Aten.ScaledDotProductAttention(q, k, v, state.Mask, state.Causal); // [rows, heads, t, headDim]
        return attended.transpose(1, 2).reshape(state.Rows, state.Tokens, -1);
    }

    // [rows, t, heads · headDim] to [rows, heads, t, headDim]
    private Tensor Heads(Tensor x, int heads, in ForwardState state, RmsNorm? norm, bool rotated)
    {
        x = x.view(state.Rows, state.Tokens, heads, config.HeadDim);
        if (norm is { } known) x = known.Forward(x);
        x = x.transpose(1, 2);
        return rotated ? RotaryEmbedding.Rotate(x, state.Angles, config.HeadDim) : x;
    }
}
