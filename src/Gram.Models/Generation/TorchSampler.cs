using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>The sampler of operators, for any device: what <see cref="CpuSampler"/> does in one kernel.</summary>
internal sealed class TorchSampler(SamplingOptions options, bool withLogProbs) : ITokenSampler
{
    public DrawnToken[] Draw(Tensor logits, IReadOnlyList<DecodingRow> rows)
    {
        using var scope = NewDisposeScope();
        if (options.RepetitionPenalty != 1) Penalise(logits, rows);
        var drawn = new DrawnToken[rows.Count];
        foreach (var kind in Enumerable.Range(0, rows.Count).GroupBy(row => rows[row].Random is null))
        {
            int[] places = [.. kind];
            var ours = logits.index_select(0, tensor(places.Select(place => (long)place).ToArray(), device: logits.device));
            var (tokens, logProbs, kept) = kind.Key ? Greedy(ours) : Sampled(ours, [.. places.Select(place => rows[place].Random!.NextDouble())]);
            // One copy from the device for each kind: ids are exact in float64.
            var values = stack([tokens.to_type(ScalarType.Float64), logProbs.to_type(ScalarType.Float64)]).cpu().data<double>().ToArray();
            for (var i = 0; i < places.Length; i++) drawn[places[i]] = new((int)values[i], withLogProbs ? (float)values[places.Length + i] : 0, kept?[i]);
        }
        return drawn;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // It holds nothing.
    }

    private (Tensor Tokens, Tensor LogProbs, int[][]? Kept) Greedy(Tensor logits)
    {
        var tokens = logits.argmax(1); // of equal logits the lowest id
        if (!withLogProbs) return (tokens, tokens, null);
        var scores = SamplingFilter.Temperature(logits, options.Temperature);
        return (tokens, At(scores, tokens) - scores.logsumexp(1), null);
    }

    private (Tensor Tokens, Tensor LogProbs, int[][]? Kept) Sampled(Tensor logits, double[] uniforms)
    {
        var scores = SamplingFilter.Apply(logits, options);
        var probabilities = scores.softmax(1);
        var tokens = Sampler.Draw(probabilities, tensor(uniforms, device: logits.device));
        return withLogProbs ? (tokens, At(probabilities, tokens).log(), options.Filters ? KeptIds(scores, uniforms.Length) : null) : (tokens, tokens, null);
    }

    /// <summary>As transformers' RepetitionPenaltyLogitsProcessor: logits of tokens seen before are divided by the penalty where positive, else multiplied.</summary>
    private void Penalise(Tensor logits, IReadOnlyList<DecodingRow> rows)
    {
        var vocab = logits.size(1);
        var places = tensor(rows.SelectMany((row, i) => row.Seen.Select(token => (i * vocab) + token)).ToArray(), device: logits.device);
        var flat = logits.view(-1);
        var seen = flat.index_select(0, places);
        flat.index_copy_(0, places, where(seen < 0, seen * options.RepetitionPenalty, seen / options.RepetitionPenalty));
    }

    private static Tensor At(Tensor rows, Tensor columns) => rows.gather(1, columns.unsqueeze(1)).squeeze(1);

    /// <summary>Ids with a score above −∞, for each row of [rows, vocab].</summary>
    private static int[][] KeptIds(Tensor scores, int count)
    {
        var pairs = scores.isfinite().nonzero().cpu(); // [kept ids, 2] row, id
        var ids = Enumerable.Range(0, count).Select(_ => new List<int>()).ToArray();
        var flat = pairs.data<long>().ToArray();
        for (var i = 0; i < flat.Length; i += 2) ids[flat[i]].Add((int)flat[i + 1]);
        return [.. ids.Select(row => row.ToArray())];
    }
}
