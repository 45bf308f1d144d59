using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>Draws tokens from distributions, one uniform number a row, so that a row's draw depends on nothing but its own generator.</summary>
public static class Sampler
{
    /// <summary>Inverse transform sampling: the first token whose cumulated probability exceeds uniform · total.</summary>
    /// <param name="probabilities">[rows, vocab] float32, non-negative; they need not sum to 1 exactly.</param>
    /// <param name="uniforms">[rows] float64 in [0, 1).</param>
    /// <returns>[rows] int64 token ids. A token of probability 0 is never drawn.</returns>
    public static Tensor Draw(Tensor probabilities, Tensor uniforms)
    {
        using var scope = NewDisposeScope();
        var last = probabilities.size(1) - 1;
        // Float64: in float32 the cumulated sum of a large vocabulary loses its tail.
        var cumulated = probabilities.cumsum(1, ScalarType.Float64); // [rows, vocab]
        var targets = uniforms.unsqueeze(1) * cumulated.narrow(1, last, 1); // [rows, 1], below the total
        // The clamp matters only for rows that are not numbers: the index must stay one of the vocabulary.
        return searchsorted(cumulated, targets, right: true).squeeze(1).clamp_(max: last).MoveToOuterDisposeScope();
    }
}
