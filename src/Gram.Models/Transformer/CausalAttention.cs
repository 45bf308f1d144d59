using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Rotary causal attention of whole rows on a CPU as one operator with a gradient; its kernel is <see cref="CausalAttentionKernel{T}"/>.</summary>
internal sealed class CausalAttention : autograd.SingleTensorFunction<CausalAttention>
{
    /// <inheritdoc/>
    public override string Name => nameof(CausalAttention);

    /// <summary>[rows, tokens, heads · headDim] from queries [rows, tokens, heads · headDim], keys and values [rows, tokens, kvHeads · headDim] before rotation; of rows that are packed, each sequence by itself.</summary>
    public static Tensor Of(Tensor q, Tensor k, Tensor v, AttentionShape shape, RotaryTable rotary, PackedRows? packed = null) => is_grad_enabled()
        ? apply(q, k, v, new Settings(shape, rotary, packed))
        : Forward(q.contiguous(), k.contiguous(), v.contiguous(), new(shape, rotary, packed)).Result;

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = (((Tensor)vars[0]).contiguous(), ((Tensor)vars[1]).contiguous(), ((Tensor)vars[2]).contiguous());
        var settings = (Settings)vars[3];
        var (result, logSums) = Forward(q, k, v, settings);
        ctx.save_for_backward([q.MoveToOuterDisposeScope(), k.MoveToOuterDisposeScope(), v.MoveToOuterDisposeScope(), result, logSums.MoveToOuterDisposeScope()]);
        ctx.save_data(nameof(Settings), settings);
        return result.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (q, k, v, result, logSums, upstream) = (saved[0], saved[1], saved[2], saved[3], saved[4], grad_output.contiguous());
        var settings = (Settings)ctx.get_data(nameof(Settings));
        var (dq, dk, dv) = (empty_like(q), empty_like(k), empty_like(v));
        if (q.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return Gradients.Return(grad_output, dq.DetachFromDisposeScope(), dk.DetachFromDisposeScope(), dv.DetachFromDisposeScope(), null);

        void Run<T>() where T : unmanaged => settings.Kernel<T>().Backward(
            (T*)Shim.Data(q), (T*)Shim.Data(k), (T*)Shim.Data(v), (T*)Shim.Data(result), (float*)Shim.Data(logSums), (T*)Shim.Data(upstream), (T*)Shim.Data(dq), (T*)Shim.Data(dk), (T*)Shim.Data(dv));
    }

    private static unsafe (Tensor Result, Tensor LogSums) Forward(Tensor q, Tensor k, Tensor v, Settings settings)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (result, logSums) = (empty_like(q), empty(settings.Shape.Rows, settings.Shape.Heads, settings.Shape.Tokens));
        if (q.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return (result.MoveToOuterDisposeScope(), logSums.MoveToOuterDisposeScope());

        void Run<T>() where T : unmanaged => settings.Kernel<T>().Forward((T*)Shim.Data(q), (T*)Shim.Data(k), (T*)Shim.Data(v), (T*)Shim.Data(result), (float*)Shim.Data(logSums));
    }

    private sealed record Settings(AttentionShape Shape, RotaryTable Rotary, PackedRows? Packed)
    {
        public CausalAttentionKernel<T> Kernel<T>() where T : unmanaged => new(Shape, Rotary, Packed);
    }
}
