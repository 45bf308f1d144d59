using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>
/// Which tokens may be drawn: temperature, then top-k, top-p and min-p, as transformers' logits warpers
/// (TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper, MinPLogitsWarper). A removed token's score is −∞.
/// </summary>
public static class SamplingFilter
{
    /// <summary>All filters in their order: float32 scores [rows, vocab] whose softmax is drawn from.</summary>
    /// <param name="logits">[rows, vocab], any floating dtype.</param>
    /// <param name="options">Temperature, top-k, top-p and min-p.</param>
    public static Tensor Apply(Tensor logits, SamplingOptions options)
    {
        using var scope = NewDisposeScope();
        var scores = Temperature(logits, options.Temperature);
        if (options.TopK > 0) scores = TopK(scores, options.TopK);
        if (options.TopP < 1) scores = TopP(scores, options.TopP);
        if (options.MinP > 0) scores = MinP(scores, options.MinP);
        return scores.MoveToOuterDisposeScope();
    }

    /// <summary>Float32 logits / temperature.</summary>
    public static Tensor Temperature(Tensor logits, double temperature)
    {
        var scores = logits.to_type(ScalarType.Float32);
        if (temperature == 1) return scores;
        using (scores) return scores / temperature;
    }

    /// <summary>Removes what is below the k-th largest score. Scores equal to the k-th stay, so ties keep more than k.</summary>
    public static Tensor TopK(Tensor scores, int k)
    {
        using var scope = NewDisposeScope();
        var vocab = scores.size(-1);
        var (largest, _) = scores.topk((int)Math.Min(k, vocab), -1);
        return Remove(scores, scores < largest.narrow(-1, largest.size(-1) - 1, 1)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Keeps the smallest set of likeliest tokens whose probability reaches p: in ascending order, tokens are removed while
    /// their cumulated probability is at most 1 − p. The likeliest always stays. Of equal scores at the cut the highest ids stay.
    /// </summary>
    public static Tensor TopP(Tensor scores, double p)
    {
        using var scope = NewDisposeScope();
        var (ascending, order) = scores.sort(-1, stable: true);
        var removed = ascending.softmax(-1).cumsum(-1, ScalarType.Float64) <= 1 - p; // [rows, vocab] in ascending order
        removed.narrow(-1, scores.size(-1) - 1, 1).fill_(false);
        return Remove(scores, removed.scatter(-1, order, removed)).MoveToOuterDisposeScope();
    }

    /// <summary>Removes what is less likely than a share p of the likeliest token's probability.</summary>
    public static Tensor MinP(Tensor scores, double p)
    {
        using var scope = NewDisposeScope();
        var probabilities = scores.softmax(-1);
        return Remove(scores, probabilities < probabilities.amax([-1], keepdim: true) * p).MoveToOuterDisposeScope();
    }

    private static Tensor Remove(Tensor scores, Tensor removed) => scores.masked_fill(removed, float.NegativeInfinity);
}
