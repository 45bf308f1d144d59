using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Transformer.Architectures;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.Models.Kernels;

/// <summary>A linear layer as a kernel reads it: the weight where the tensor has it, the bias widened.</summary>
/// <param name="weight">[out, in], contiguous, on the CPU.</param>
/// <param name="bias">[out], or null.</param>
/// <param name="lora">What an adapter adds, or null.</param>
internal sealed unsafe class LinearWeights(Tensor weight, Tensor? bias = null, LoraLinear? lora = null) : IDisposable
{
    private readonly FloatBuffer? bias = bias is null ? null : FloatBuffer.Of(bias);
    private readonly FloatBuffer? turned = lora is null ? null : Turned(lora.B);

    /// <summary>[out, in] in the tensor's dtype.</summary>
    public void* Data { get; } = Shim.Data(weight);
    /// <summary>Columns.</summary>
    public int In { get; } = (int)weight.shape[1];
    /// <summary>Rows.</summary>
    public int Out { get; } = (int)weight.shape[0];
    /// <summary>[out], or null.</summary>
    public float* Bias => bias is null ? null : bias.Data;
    /// <summary>Rank of its adapter; 0 without one.</summary>
    public int Rank { get; } = lora is null ? 0 : (int)lora.A.shape[0];
    /// <summary>[rank, in] float32 of its adapter.</summary>
    public float* A { get; } = lora is null ? null : (float*)Shim.Data(lora.A);
    /// <summary>[rank, out] float32 of its adapter, a copy: rows of a few numbers are no vectors.</summary>
    public float* B => turned is null ? null : turned.Data;
    /// <summary>Scale of its adapter.</summary>
    public float Scale { get; } = (float)(lora?.Scale ?? 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        bias?.Dispose();
        turned?.Dispose();
    }

    private static FloatBuffer Turned(Tensor factor)
    {
        using var noGrad = no_grad();
        using var turned = factor.t().contiguous();
        return FloatBuffer.Of(turned);
    }
}

/// <summary>A block's weights as kernels read them.</summary>
internal sealed class LayerWeights(int layer, IReadOnlyDictionary<string, Tensor> weights, LoraAdapter? adapter) : IDisposable
{
    /// <summary>Norm before attention, [hidden].</summary>
    public FloatBuffer InputNorm { get; } = FloatBuffer.Of(weights[Name(layer, "input_layernorm.weight")]);
    /// <summary>Norm before the MLP, [hidden].</summary>
    public FloatBuffer PostNorm { get; } = FloatBuffer.Of(weights[Name(layer, "post_attention_layernorm.weight")]);
    /// <summary>Norm of a query head, [headDim], or null.</summary>
    public FloatBuffer? QueryNorm { get; } = Optional(layer, "self_attn.q_norm.weight", weights);
    /// <summary>Norm of a key head, [headDim], or null.</summary>
    public FloatBuffer? KeyNorm { get; } = Optional(layer, "self_attn.k_norm.weight", weights);
    /// <summary>Query, key and value projections.</summary>
    public LinearWeights[] Qkv { get; } = [.. new[] { "q", "k", "v" }.Select(part => Linear(layer, $"self_attn.{part}_proj", weights, adapter))];
    /// <summary>Attention's output projection.</summary>
    public LinearWeights Output { get; } = Linear(layer, "self_attn.o_proj", weights, adapter);
    /// <summary>The MLP's gate.</summary>
    public LinearWeights Gate { get; } = Linear(layer, "mlp.gate_proj", weights, adapter);
    /// <summary>The MLP's inner projection.</summary>
    public LinearWeights Up { get; } = Linear(layer, "mlp.up_proj", weights, adapter);
    /// <summary>The MLP's output projection.</summary>
    public LinearWeights Down { get; } = Linear(layer, "mlp.down_proj", weights, adapter);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in (IDisposable?[])[InputNorm, PostNorm, QueryNorm, KeyNorm, .. Qkv, Output, Gate, Up, Down]) owned?.Dispose();
    }

    private static string Name(int layer, string name) => Architecture.Layer(layer) + name;

    private static FloatBuffer? Optional(int layer, string name, IReadOnlyDictionary<string, Tensor> weights) =>
        weights.TryGetValue(Name(layer, name), out var weight) ? FloatBuffer.Of(weight) : null;

    private static LinearWeights Linear(int layer, string name, IReadOnlyDictionary<string, Tensor> weights, LoraAdapter? adapter) =>
        new(weights[Name(layer, name + ".weight")], weights.GetValueOrDefault(Name(layer, name + ".bias")), adapter?.Linears.GetValueOrDefault(Name(layer, name)));
}
