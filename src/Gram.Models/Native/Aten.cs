using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>ATen operators that TorchSharp lacks, called through libtorch's stable C ABI.</summary>
public static class Aten
{
    /// <summary>Attention with grouped key-value heads. q [rows, heads, t, d]; k, v [rows, kvHeads, s, d].</summary>
    public static Tensor ScaledDotProductAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double? scale = null) => throw new NotImplementedException();

    /// <summary>One in-place fused AdamW step (aten::_fused_adamw_) over equally long lists of float32 tensors; steps are float32 scalars.</summary>
    public static void FusedAdamW(IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> grads, IReadOnlyList<Tensor> expAvgs, IReadOnlyList<Tensor> expAvgSqs, IReadOnlyList<Tensor> steps, double lr, double beta1, double beta2, double weightDecay, double eps) => throw new NotImplementedException();
}
