using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Additive attention masks: 0 = attend, −∞ = not.</summary>
internal static class AttentionMask
{
    /// <summary>[t, cached + t] lower-right causal mask: token i sees all cached tokens and the new ones up to itself.</summary>
    public static Tensor Causal(long cached, long t, ScalarType dtype, Device device)
    {
        using var all = full([t, cached + t], float.NegativeInfinity, dtype, device);
        return all.triu(cached + 1);
    }

    /// <summary>[rows, 1, t, cached + t] causal mask that also hides padding. A padding token sees itself alone, so that no row is empty (softmax of nothing is NaN).</summary>
    /// <param name="real">[rows, cached + t], non-zero = real token.</param>
    /// <param name="cached">Tokens before the first new one.</param>
    /// <param name="t">New tokens.</param>
    /// <param name="dtype">Dtype of queries.</param>
    public static Tensor Padded(Tensor real, long cached, long t, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var visible = real.to(ScalarType.Bool).unsqueeze(1).unsqueeze(1); // [rows, 1, 1, s]
        var seen = ones([t, cached + t], ScalarType.Bool, real.device).tril(cached);
        var self = seen.logical_and(seen.tril(cached - 1).logical_not());
        var attend = visible.logical_and(seen).logical_or(self);
        return zeros(attend.shape, dtype, real.device).masked_fill(attend.logical_not(), float.NegativeInfinity).MoveToOuterDisposeScope();
    }

    /// <summary>[rows, t] positions of the last t tokens: real tokens before each, itself apart; 0 for padding.</summary>
    public static Tensor Positions(Tensor real, long cached, long t)
    {
        using var scope = NewDisposeScope();
        return real.to(ScalarType.Int64).cumsum(1).sub(1).clamp(min: 0).narrow(1, cached, t).MoveToOuterDisposeScope();
    }
}
