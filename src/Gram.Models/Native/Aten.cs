using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>ATen operators that TorchSharp lacks, called through libtorch's stable C ABI.</summary>
public static class Aten
{
    /// <summary>Attention with grouped key-value heads. q [rows, heads, t, d]; k, v [rows, kvHeads, s, d].</summary>
    /// <param name="q">[rows, heads, t, d] queries.</param>
    /// <param name="k">[rows, kvHeads, s, d] keys; kvHeads divides heads.</param>
    /// <param name="v">[rows, kvHeads, s, d] values.</param>
    /// <param name="mask">Added to the scores (or bool, true = attend), broadcast to [rows, heads, t, s]; null = none.</param>
    /// <param name="causal">Upper-left causal mask; not together with a mask.</param>
    /// <param name="scale">Multiplies the scores; default 1/√d.</param>
    /// <returns>[rows, heads, t, d].</returns>
    public static Tensor ScaledDotProductAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double? scale = null)
    {
        if (MetaKernels.Takes(q)) return MetaKernels.Attention(q, k, v, mask);
        if (!WideProducts.Takes(q)) return Attention(q, k, v, mask, causal, scale);
        using var scope = NewDisposeScope();
        // A boolean mask stays one.
        if (mask?.dtype == ScalarType.BFloat16) mask = WideProducts.Widen(mask);
        return Attention(WideProducts.Widen(q), WideProducts.Widen(k), WideProducts.Widen(v), mask, causal, scale).to(q.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Rows of an embedding, [..., width]; its gradient is dense.</summary>
    public static Tensor Embedding(Tensor weight, Tensor ids)
    {
        if (MetaKernels.Takes(weight))
        {
            using var flat = ids.flatten();
            using var rows = MetaKernels.Rows(weight, flat);
            return rows.view([.. ids.shape, weight.shape[1]]);
        }
        return new DispatcherCall(stackalloc ulong[5]).Add(weight).Add(ids).Add(-1L).Add(false).Add(false).Tensor("aten::embedding");
    }

    /// <summary>Rows of x [n, width] at an index [m] int64: [m, width] (aten::index_select).</summary>
    public static Tensor Rows(Tensor x, Tensor index) => MetaKernels.Takes(x) ? MetaKernels.Rows(x, index) : x.index_select(0, index);

    /// <summary>One in-place fused AdamW step (aten::_fused_adamw_) over equally long lists of float32 tensors; steps are float32 scalars, already counting this step.</summary>
    public static void FusedAdamW(IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> grads, IReadOnlyList<Tensor> expAvgs, IReadOnlyList<Tensor> expAvgSqs, IReadOnlyList<Tensor> steps, double lr, double beta1, double beta2, double weightDecay, double eps)
    {
        if (parameters.Count == 0 || MetaKernels.Takes(parameters[0])) return; // in place: without values there is nothing to do
        using var noGrad = torch.no_grad();
        new DispatcherCall(stackalloc ulong[15])
            .Add(parameters).Add(grads).Add(expAvgs).Add(expAvgSqs).Add([]).Add(steps)
            .Add(lr).Add(beta1).Add(beta2).Add(weightDecay).Add(eps)
            .Add(false).Add(false).AddNull().AddNull() // amsgrad, maximize, grad_scale, found_inf
            .Run("aten::_fused_adamw_");
    }

    private static Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double? scale) =>
        new DispatcherCall(stackalloc ulong[8])
            .Add(q).Add(k).Add(v).AddOptional(mask).Add(0.0).Add(causal).AddOptional(scale).Add(true)
            .Tensor("aten::scaled_dot_product_attention");
}
