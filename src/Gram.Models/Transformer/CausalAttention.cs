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

    /// <summary>[rows, tokens, heads · headDim] from queries [rows, tokens, heads · headDim], keys and values [rows, tokens, kvHeads · headDim] before rotation.</summary>
    public static Tensor Of(Tensor q, Tensor k, Tensor v, AttentionShape shape, RotaryTable rotary) => is_grad_enabled()
        ? apply(q, k, v, shape, rotary)
        : Forward(q.contiguous(), k.contiguous(), v.contiguous(), shape, rotary).Result;

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = (((Tensor)vars[0]).contiguous(), ((Tensor)vars[1]).contiguous(), ((Tensor)vars[2]).contiguous());
        var (shape, rotary) = ((AttentionShape)vars[3], (RotaryTable)vars[4]);
        var (result, logSums) = Forward(q, k, v, shape, rotary);
        ctx.save_for_backward([q.MoveToOuterDisposeScope(), k.MoveToOuterDisposeScope(), v.MoveToOuterDisposeScope(), result, logSums.MoveToOuterDisposeScope()]);
        ctx.save_data(nameof(AttentionShape), shape);
        ctx.save_data(nameof(RotaryTable), rotary);
        return result.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (q, k, v, result, logSums, upstream) = (saved[0], saved[1], saved[2], saved[3], saved[4], grad_output.contiguous());
        var (shape, rotary) = ((AttentionShape)ctx.get_data(nameof(AttentionShape)), (RotaryTable)ctx.get_data(nameof(RotaryTable)));
        var (dq, dk, dv) = (empty_like(q), empty_like(k), empty_like(v));
        if (q.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return Gradients.Return(grad_output, dq.DetachFromDisposeScope(), dk.DetachFromDisposeScope(), dv.DetachFromDisposeScope(), null, null);

        void Run<T>() where T : unmanaged => new CausalAttentionKernel<T>(shape, rotary).Backward(
            (T*)Shim.Data(q), (T*)Shim.Data(k), (T*)Shim.Data(v), (T*)Shim.Data(result), (float*)Shim.Data(logSums), (T*)Shim.Data(upstream), (T*)Shim.Data(dq), (T*)Shim.Data(dk), (T*)Shim.Data(dv));
    }

    private static unsafe (Tensor Result, Tensor LogSums) Forward(Tensor q, Tensor k, Tensor v, AttentionShape shape, RotaryTable rotary)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (result, logSums) = (empty_like(q), empty(shape.Rows, shape.Heads, shape.Tokens));
        if (q.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return (result.MoveToOuterDisposeScope(), logSums.MoveToOuterDisposeScope());

        void Run<T>() where T : unmanaged => new CausalAttentionKernel<T>(shape, rotary).Forward((T*)Shim.Data(q), (T*)Shim.Data(k), (T*)Shim.Data(v), (T*)Shim.Data(result), (float*)Shim.Data(logSums));
    }
}
