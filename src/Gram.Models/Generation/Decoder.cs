using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>The decode loop: draws a token for each row, runs the model on them, until every row is done.</summary>
internal sealed class Decoder : IDisposable
{
    private readonly CausalLM model;
    private readonly SamplingOptions options;
    private readonly IReadOnlyList<int> endTokens;
    private readonly int capacity;
    private List<DecodingRow> rows;
    private KvCache cache;
    private Tensor logits;  // [rows, vocab] of the next token

    private Decoder(CausalLM model, Prefill prefill, IReadOnlyList<DecodingRow> rows, SamplingOptions options, IReadOnlyList<int> endTokens)
    {
        (this.model, this.options, this.endTokens) = (model, options, endTokens);
        this.rows = [.. rows];
        int[] slots = [.. rows.Select(row => row.Slot)];
        capacity = rows.Max(row => prefill.Cache.Lengths[row.Slot] + row.Limit) - 1; // the last token needs no forward
        cache = prefill.Cache.Select(slots, capacity);
        using var index = tensor(slots.Select(slot => (long)slot).ToArray(), device: model.Device);
        logits = prefill.Logits.index_select(0, index).DetachFromDisposeScope();
    }

    /// <summary>Decodes rows (greedy ones first) from their prompts' prefill, until all are done.</summary>
    public static void Run(CausalLM model, Prefill prefill, IReadOnlyList<DecodingRow> rows, SamplingOptions options, IReadOnlyList<int> endTokens, CancellationToken cancellationToken)
    {
        using var decoder = new Decoder(model, prefill, rows, options, endTokens);
        while (decoder.Step()) cancellationToken.ThrowIfCancellationRequested();
    }

    private bool Step()
    {
        using var scope = NewDisposeScope();
        var tokens = Draw(); // [rows]
        if (rows.TrueForAll(row => row.Done)) return false;
        tokens = DropFinishedRows(tokens);
        logits.Dispose();
        logits = model.Decode(tokens, cache).DetachFromDisposeScope();
        return true;
    }

    private Tensor Draw()
    {
        var greedyRows = rows.FindIndex(row => row.Random is not null);
        if (greedyRows < 0) greedyRows = rows.Count;
        var sampledRows = rows.Count - greedyRows;
        List<Tensor> tokens = [], logProbs = [];
        int[]?[] kept = new int[]?[rows.Count];
        if (greedyRows > 0)
        {
            using var scores = SamplingFilter.Temperature(logits.narrow(0, 0, greedyRows), options.Temperature);
            tokens.Add(scores.argmax(1)); // of equal logits the lowest id
            logProbs.Add(scores.gather(1, tokens[0].unsqueeze(1)).squeeze(1) - scores.logsumexp(1));
        }
        if (sampledRows > 0)
        {
            using var scores = SamplingFilter.Apply(logits.narrow(0, greedyRows, sampledRows), options);
            using var probabilities = scores.softmax(1);
            // A row that is done draws no number: its generator's state is that of its own response.
            double[] uniforms = [.. rows.Skip(greedyRows).Select(row => row.Done ? 0 : row.Random!.NextDouble())];
            var drawn = Sampler.Draw(probabilities, tensor(uniforms, device: model.Device));
            tokens.Add(drawn);
            logProbs.Add(probabilities.gather(1, drawn.unsqueeze(1)).squeeze(1).log());
            if (options.Filters) KeptIds(scores, sampledRows).CopyTo(kept, greedyRows);
        }
        var next = cat(tokens);
        Record(next, cat(logProbs), kept);
        return next;
    }

    /// <summary>Ids with a score above −∞, for each row of [rows, vocab].</summary>
    private static int[][] KeptIds(Tensor scores, int count)
    {
        using var pairs = scores.isfinite().nonzero().cpu(); // [kept ids, 2] row, id
        var ids = Enumerable.Range(0, count).Select(_ => new List<int>()).ToArray();
        var flat = pairs.data<long>().ToArray();
        for (var i = 0; i < flat.Length; i += 2) ids[flat[i]].Add((int)flat[i + 1]);
        return [.. ids.Select(row => row.ToArray())];
    }

    private void Record(Tensor tokens, Tensor logProbs, int[]?[] kept)
    {
        // One copy from the device a step: ids are exact in float64.
        using var both = stack([tokens.to_type(ScalarType.Float64), logProbs.to_type(ScalarType.Float64)]).cpu();
        var values = both.data<double>().ToArray();
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows[i].Done) continue;
            var token = (int)values[i];
            rows[i].Add(token, (float)values[rows.Count + i], kept[i], endTokens.Contains(token));
        }
    }

    /// <summary>Rows that are done leave the batch once they are a quarter of it: copying the others' cache then pays.</summary>
    private Tensor DropFinishedRows(Tensor tokens)
    {
        int[] live = [.. Enumerable.Range(0, rows.Count).Where(i => !rows[i].Done)];
        if (4 * (rows.Count - live.Length) < rows.Count) return tokens;
        var smaller = cache.Select(live, capacity);
        cache.Dispose();
        cache = smaller;
        rows = [.. live.Select(i => rows[i])];
        return tokens.index_select(0, tensor(live.Select(i => (long)i).ToArray(), device: model.Device));
    }

    public void Dispose()
    {
        cache.Dispose();
        logits.Dispose();
    }
}
