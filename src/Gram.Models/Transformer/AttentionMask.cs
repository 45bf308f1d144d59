using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Additive attention masks (0 = attend, −∞ = not), and the positions that go with them.</summary>
internal static class AttentionMask
{
    /// <summary>[t, cached + t] lower-right causal mask: token i sees all cached tokens and the new ones up to itself.</summary>
    public static Tensor Causal(long cached, long t, ScalarType dtype, Device device)
    {
        using var all = full([t, cached + t], float.NegativeInfinity, dtype, device);
        return all.triu(cached + 1);
    }

    /// <summary>[rows, 1, t, tokens] causal mask of rows whose caches differ in length: the token at a place sees all places up to it.</summary>
    /// <param name="places">[rows, t] int64 places of the new tokens.</param>
    /// <param name="tokens">Places of the longest row, new ones included.</param>
    /// <param name="dtype">Dtype of queries.</param>
    public static Tensor Ragged(Tensor places, long tokens, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var later = arange(tokens, device: places.device) > places.unsqueeze(1).unsqueeze(-1); // [rows, 1, t, tokens]
        return Hide(later, dtype).MoveToOuterDisposeScope();
    }

    /// <summary>[rows, 1, t, t] causal mask that also hides padding. A padding token sees itself alone, so that no row is empty (softmax of nothing is NaN).</summary>
    /// <param name="real">[rows, t], non-zero = real token.</param>
    /// <param name="t">Tokens.</param>
    /// <param name="dtype">Dtype of queries.</param>
    public static Tensor Padded(Tensor real, long t, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var at = arange(t, device: real.device);
        var later = at > at.unsqueeze(1); // [t, t]
        var padding = real.eq(0).unsqueeze(1).unsqueeze(1); // [rows, 1, 1, t]
        return Hide(later.bitwise_or(padding.bitwise_and(at.ne(at.unsqueeze(1)))), dtype).MoveToOuterDisposeScope();
    }

    /// <summary>[rows, 1, t, t] causal mask of packed rows: a token sees those of its own sequence up to itself.</summary>
    public static Tensor Packed(PackedRows packed, ScalarType dtype, Device device)
    {
        using var scope = NewDisposeScope();
        var at = arange(packed.Tokens, device: device);
        var numbers = tensor(packed.Numbers(), [packed.Rows, packed.Tokens], device: device);
        var others = numbers.unsqueeze(1).ne(numbers.unsqueeze(2)); // [rows, t, t]
        return Hide(others.bitwise_or(at > at.unsqueeze(1)).unsqueeze(1), dtype).MoveToOuterDisposeScope();
    }

    /// <summary>[rows, t] positions of tokens: real ones before each, itself apart; 0 for padding.</summary>
    public static Tensor Positions(Tensor real)
    {
        using var scope = NewDisposeScope();
        return real.to(ScalarType.Int64).cumsum(1).sub(1).clamp(min: 0).MoveToOuterDisposeScope();
    }

    private static Tensor Hide(Tensor hidden, ScalarType dtype) => zeros(hidden.shape, dtype, hidden.device).masked_fill(hidden, float.NegativeInfinity);
}
