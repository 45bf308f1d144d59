using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer.Lora;

/// <summary>The adapters of one block; null where a linear has none.</summary>
internal sealed class LoraBlock(LoraAdapter adapter, int layer, string prefix)
{
    public LoraLinear? Q { get; } = adapter.Linears.GetValueOrDefault(prefix + "self_attn.q_proj");
    public LoraLinear? K { get; } = adapter.Linears.GetValueOrDefault(prefix + "self_attn.k_proj");
    public LoraLinear? V { get; } = adapter.Linears.GetValueOrDefault(prefix + "self_attn.v_proj");
    public LoraLinear? Output { get; } = adapter.Linears.GetValueOrDefault(prefix + "self_attn.o_proj");
    public LoraLinear? Gate { get; } = adapter.Linears.GetValueOrDefault(prefix + "mlp.gate_proj");
    public LoraLinear? Up { get; } = adapter.Linears.GetValueOrDefault(prefix + "mlp.up_proj");
    public LoraLinear? Down { get; } = adapter.Linears.GetValueOrDefault(prefix + "mlp.down_proj");

    /// <summary>The block's place in the model.</summary>
    public int Layer => layer;
}

/// <summary>A block's linears with their adapters: y = W x + Scale · B · A · dropout(x).</summary>
internal sealed class AdaptedLinears(IBlockLinears plain, LoraBlock lora, LoraDropout? dropout) : IBlockLinears
{
    /// <summary>Linears of a block, so that each has a dropout mask of its own.</summary>
    private const int Places = 7;

    public (Tensor Q, Tensor K, Tensor V) Qkv(Tensor x)
    {
        var (q, k, v) = plain.Qkv(x);
        var wide = Wide(x, lora.Q ?? lora.K ?? lora.V);
        return (Add(q, lora.Q, wide, 0), Add(k, lora.K, wide, 1), Add(v, lora.V, wide, 2));
    }

    public Tensor Output(Tensor x) => Add(plain.Output(x), lora.Output, Wide(x, lora.Output), 3);

    public (Tensor Gate, Tensor Up) GateUp(Tensor x)
    {
        var (gate, up) = plain.GateUp(x);
        var wide = Wide(x, lora.Gate ?? lora.Up);
        return (Add(gate, lora.Gate, wide, 4), Add(up, lora.Up, wide, 5));
    }

    public Tensor Down(Tensor x) => Add(plain.Down(x), lora.Down, Wide(x, lora.Down), 6);

    // One float32 copy of x for all adapters that read it, and none where no adapter does.
    private static Tensor Wide(Tensor x, LoraLinear? any) => any is null ? x : x.to(ScalarType.Float32);

    private Tensor Add(Tensor y, LoraLinear? linear, Tensor wide, int place)
    {
        if (linear is null) return y;
        using var scope = NewDisposeScope();
        var added = linear.Forward(dropout is { } some ? some.Apply(wide, lora.Layer * Places + place) : wide);
        if (!is_grad_enabled()) return y.add_(added);
        var sum = (y + added).to(y.dtype).MoveToOuterDisposeScope();
        y.Dispose(); // nobody reads it again, and the block's scope would hold it to the end
        return sum;
    }
}
