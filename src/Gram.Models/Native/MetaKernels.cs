using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>
/// Operators that libtorch has no meta kernels for (PyTorch writes those in Python), as formulas of operators that have them:
/// results and gradients get the shapes, dtypes and device of the real ones, whatever the values.
/// </summary>
internal static class MetaKernels
{
    public static bool Takes(Tensor x) => x.device_type == DeviceType.META;

    /// <summary>softmax(q·kᵀ + mask)·v with grouped heads; [rows, heads, t, d]. Scale and causality change values only.</summary>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var scores = q.matmul(Repeat(k).transpose(2, 3)); // [rows, heads, t, s]
        if (mask?.dtype == ScalarType.Bool) scores = scores.masked_fill(mask.eq(0), float.NegativeInfinity);
        else if (mask is not null) scores = scores + mask;
        return scores.softmax(-1).matmul(Repeat(v)).MoveToOuterDisposeScope();

        Tensor Repeat(Tensor heads) // [rows, kvHeads, s, d] to [rows, heads, s, d]
        {
            var group = q.size(1) / heads.size(1);
            return heads.unsqueeze(2).expand(-1, -1, group, -1, -1).flatten(1, 2);
        }
    }

    /// <summary>Rows of x [n, width] at an index [m]: [m, width].</summary>
    public static Tensor Rows(Tensor x, Tensor index)
    {
        using var scope = NewDisposeScope();
        return x.gather(0, index.unsqueeze(1).expand(-1, x.size(1))).MoveToOuterDisposeScope();
    }
}
