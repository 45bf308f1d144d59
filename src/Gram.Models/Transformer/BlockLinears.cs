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

    /// <summary>Whether they can be packed: int8 weights are small as they are.</summary>
    public bool IsPackable => (Q.Scale ?? K.Scale ?? V.Scale ?? OutputProjection.Scale ?? GateProjection.Scale ?? UpProjection.Scale ?? DownProjection.Scale) is null;

    public (Tensor Q, Tensor K, Tensor V) Qkv(Tensor x) => (Q.Forward(x), K.Forward(x), V.Forward(x));
    public Tensor Output(Tensor x) => OutputProjection.Forward(x);
    public (Tensor Gate, Tensor Up) GateUp(Tensor x) => (GateProjection.Forward(x), UpProjection.Forward(x));
    public Tensor Down(Tensor x) => DownProjection.Forward(x);
}

/// <summary>Packed copies for decoding: q, k, v in one product, gate and up in one.</summary>
internal sealed class PackedLinears : IBlockLinears, IDisposable
{
    private readonly PackedLinear qkv, output, gateUp, down;
    private readonly long queries, keys, inner;

    public PackedLinears(PlainLinears plain)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        qkv = Linear.Join(plain.Q, plain.K, plain.V).Pack();
        output = plain.OutputProjection.Pack();
        gateUp = Linear.Join(plain.GateProjection, plain.UpProjection).Pack();
        down = plain.DownProjection.Pack();
        (queries, keys, inner) = (plain.Q.Weight.shape[0], plain.K.Weight.shape[0], plain.GateProjection.Weight.shape[0]);
    }

    public (Tensor Q, Tensor K, Tensor V) Qkv(Tensor x)
    {
        using var all = qkv.Forward(x);
        return (all.narrow(-1, 0, queries), all.narrow(-1, queries, keys), all.narrow(-1, queries + keys, keys));
    }

    public Tensor Output(Tensor x) => output.Forward(x);

    public (Tensor Gate, Tensor Up) GateUp(Tensor x)
    {
        using var both = gateUp.Forward(x);
        return (both.narrow(-1, 0, inner), both.narrow(-1, inner, inner));
    }

    public Tensor Down(Tensor x) => down.Forward(x);

    /// <inheritdoc/>
    public void Dispose()
    {
        qkv.Dispose();
        output.Dispose();
        gateUp.Dispose();
        down.Dispose();
    }
}

/// <summary>A weight [out, in] and its bias [out], if any; an int8 weight with its scales [out].</summary>
internal readonly record struct Linear(Tensor Weight, Tensor? Bias, Tensor? Scale = null)
{
    /// <summary>What the name of an int8 weight's scales adds to the weight's.</summary>
    public const string ScaleSuffix = "_scale";

    public Linear(IReadOnlyDictionary<string, Tensor> weights, string name)
        : this(weights[name + ".weight"], weights.GetValueOrDefault(name + ".bias"), weights[name + ".weight"].dtype == ScalarType.Int8 ? weights[name + ".weight" + ScaleSuffix] : null) { }

    public Tensor Forward(Tensor x) => Scale is not null ? Int8Linear.Forward(x, Weight, Scale, Bias) : WideProducts.Takes(x) ? WideProducts.Linear(x, Weight, Bias) : F.linear(x, Weight, Bias);

    public PackedLinear Pack() => new(Weight, Bias);

    /// <summary>One linear that computes several.</summary>
    public static Linear Join(params ReadOnlySpan<Linear> parts)
    {
        var (weights, biases) = (new List<Tensor>(), new List<Tensor>());
        foreach (var part in parts)
        {
            weights.Add(part.Weight);
            if (part.Bias is { } bias) biases.Add(bias);
        }
        return new(cat(weights), biases.Count > 0 ? cat(biases) : null);
    }
}
