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
internal sealed class AdaptedLinears(PlainLinears plain, LoraBlock lora, LoraDropout? dropout) : IBlockLinears
{
    /// <summary>Linears of a block, so that each has a dropout mask of its own.</summary>
    private const int Places = 7;

    public (Tensor Q, Tensor K, Tensor V) Qkv(Tensor x)
    {
        var input = new Input(x);
        return (Product(plain.Q, lora.Q, input, 0), Product(plain.K, lora.K, input, 1), Product(plain.V, lora.V, input, 2));
    }

    public Tensor Output(Tensor x) => Product(plain.OutputProjection, lora.Output, new(x), 3);

    public (Tensor Gate, Tensor Up) GateUp(Tensor x)
    {
        var input = new Input(x);
        return (Product(plain.GateProjection, lora.Gate, input, 4), Product(plain.UpProjection, lora.Up, input, 5));
    }

    public Tensor Down(Tensor x) => Product(plain.DownProjection, lora.Down, new(x), 6);

    private Tensor Product(Linear linear, LoraLinear? adapter, Input input, int place)
    {
        if (adapter is null) return linear.Forward(input.X);
        if (dropout is null && AdaptedProduct.Takes(input.X, linear)) return AdaptedProduct.Of(input.X, linear, adapter);
        var (y, wide) = (linear.Forward(input.X), input.Wide);
        using var scope = NewDisposeScope();
        var added = adapter.Forward(dropout is { } some ? some.Apply(wide, lora.Layer * Places + place) : wide);
        if (!is_grad_enabled()) return y.add_(added);
        var sum = (y + added).to(y.dtype).MoveToOuterDisposeScope();
        y.Dispose(); // nobody reads it again, and the block's scope would hold it to the end
        return sum;
    }

    /// <summary>What several linears read, with one float32 copy for all adapters of them, and none where no adapter needs it.</summary>
    private sealed class Input(Tensor x)
    {
        private Tensor? wide;

        public Tensor X => x;
        public Tensor Wide => wide ??= x.to(ScalarType.Float32);
    }
}
