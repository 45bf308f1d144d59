using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Transformer;

/// <summary>The matrix products of a block.</summary>
internal interface IBlockLinears
{
    /// <summary>x [rows, t, hidden] to queries, keys and values [rows, t, heads · headDim].</summary>
    (Tensor Q, Tensor K, Tensor V) Qkv(Tensor x);
    /// <summary>Attention's output projection, [rows, t, hidden].</summary>
    Tensor Output(Tensor x);
    /// <summary>The two inner projections of the MLP, [rows, t, inner].</summary>
    (Tensor Gate, Tensor Up) GateUp(Tensor x);
    /// <summary>The MLP's output projection of [rows, t, inner], [rows, t, hidden].</summary>
    Tensor Down(Tensor x);
}

/// <summary>The weights as they are: differentiable, on any device.</summary>
internal sealed class PlainLinears(IReadOnlyDictionary<string, Tensor> weights, string prefix) : IBlockLinears
{
    public Linear Q { get; } = new(weights, prefix + "self_attn.q_proj");
    public Linear K { get; } = new(weights, prefix + "self_attn.k_proj");
    public Linear V { get; } = new(weights, prefix + "self_attn.v_proj");
    public Linear OutputProjection { get; } = new(weights, prefix + "self_attn.o_proj");
    public Linear GateProjection { get; } = new(weights, prefix + "mlp.gate_proj");
    public Linear UpProjection { get; } = new(weights, prefix + "mlp.up_proj");
    public Linear DownProjection { get; } = new(weights, prefix + "mlp.down_proj");

    public (Tensor Q, Tensor K, Tensor V) Qkv(Tensor x) => (Q.Forward(x), K.Forward(x), V.Forward(x));
    public Tensor Output(Tensor x) => OutputProjection.Forward(x);
    public (Tensor Gate, Tensor Up) GateUp(Tensor x) => (GateProjection.Forward(x), UpProjection.Forward(x));
    public Tensor Down(Tensor x) => DownProjection.Forward(x);
}

/// <summary>A weight [out, in] and its bias [out], if any; an int8 weight with its scales [out].</summary>
internal readonly record struct Linear(Tensor Weight, Tensor? Bias, Tensor? Scale = null)
{
    /// <summary>What the name of an int8 weight's scales adds to the weight's.</summary>
    public const string ScaleSuffix = "_scale";

    public Linear(IReadOnlyDictionary<string, Tensor> weights, string name)
        : this(weights[name + ".weight"], weights.GetValueOrDefault(name + ".bias"), weights[name + ".weight"].dtype == ScalarType.Int8 ? weights[name + ".weight" + ScaleSuffix] : null) { }

    public Tensor Forward(Tensor x) => Scale is not null ? Int8Linear.Forward(x, Weight, Scale, Bias) : WideProducts.Takes(x) ? WideProducts.Linear(x, Weight, Bias) : F.linear(x, Weight, Bias);
}
