using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>A prompt to score: its ids, and the question that it is about, by which prompts share prefixes.</summary>
internal readonly record struct JudgeInput(string Question, int[] Ids);

/// <summary>
/// Logits of two labels after each of many prompts. What all prompts begin with is computed once, what the prompts of one
/// question begin with is computed once, and the rest in batches of like length.
/// </summary>
internal sealed class PrefixScorer(CausalLM model, int[] labelIds, int batchTokens)
{
    /// <summary>A prefix is worth a cache where it saves at least this share of the tokens.</summary>
    private const double WorthSharing = 0.1;

    /// <summary>Prompts of one question: rows, and how many tokens they have in common.</summary>
    private sealed record Group(int[] Rows, int Shared);

    /// <summary>The two labels' logits, prompt by prompt.</summary>
    public (float First, float Second)[] Score(IReadOnlyList<JudgeInput> prompts, CancellationToken cancellationToken)
    {
        var logits = new (float, float)[prompts.Count];
        if (prompts.Count == 0) return logits;
        using var noGrad = no_grad();
        var all = Enumerable.Range(0, prompts.Count).ToArray();
        var preamble = SharedPrefix(prompts, all);
        Group[] groups = [.. all.GroupBy(i => prompts[i].Question).Select(rows => new Group([.. rows], SharedPrefix(prompts, [.. rows])))];

        var total = prompts.Sum(prompt => (double)prompt.Ids.Length);
        var afterPreamble = total - (double)preamble * (prompts.Count - 1);
        var afterQuestions = afterPreamble - groups.Sum(group => (double)(group.Shared - preamble) * (group.Rows.Length - 1));
        if (afterPreamble > (1 - WorthSharing) * total) preamble = 0;
        var sharesQuestions = afterQuestions < (1 - WorthSharing) * afterPreamble;
        if (!sharesQuestions) groups = [new(all, preamble)];

        using var start = preamble > 0 ? Start(prompts[0].Ids.AsSpan(0, preamble)) : null;
        foreach (var chunk in Batches(groups, group => group.Shared))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var prefixes = sharesQuestions ? Extend(start, preamble, chunk, prompts) : start; // one row a group
            try
            {
                var rows = chunk.SelectMany((group, index) => group.Rows.Select(row => (Row: row, Prefix: index, group.Shared)));
                foreach (var batch in Batches(rows, row => prompts[row.Row].Ids.Length))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    ScoreBatch(batch, prefixes, prompts, logits);
                }
            }
            finally
            {
                if (sharesQuestions) prefixes?.Dispose();
            }
        }
        return logits;
    }

    private KvCache Start(ReadOnlySpan<int> ids)
    {
        using var scope = NewDisposeScope();
        var cache = model.NewCache(1, ids.Length);
        model.Hidden(Tokens([ids.ToArray()], ids.Length), cache);
        return cache;
    }

    /// <summary>Caches of the groups' shared prefixes, after the preamble.</summary>
    private KvCache Extend(KvCache? start, int preamble, List<Group> groups, IReadOnlyList<JudgeInput> prompts)
    {
        using var scope = NewDisposeScope();
        var width = groups.Max(group => group.Shared) - preamble;
        var rows = new int[groups.Count];
        var cache = start?.Select(rows, preamble + width) ?? model.NewCache(groups.Count, width);
        if (width > 0) model.Hidden(Tokens([.. groups.Select(group => prompts[group.Rows[0]].Ids[preamble..group.Shared])], width), cache);
        for (var row = 0; row < groups.Count; row++) cache.Truncate(row, groups[row].Shared);
        return cache;
    }

    private void ScoreBatch(List<(int Row, int Prefix, int Shared)> batch, KvCache? prefixes, IReadOnlyList<JudgeInput> prompts, (float, float)[] logits)
    {
        using var scope = NewDisposeScope();
        int[][] suffixes = [.. batch.Select(row => prefixes is null ? prompts[row.Row].Ids : prompts[row.Row].Ids[row.Shared..])];
        var width = suffixes.Max(suffix => suffix.Length);
        var tokens = Tokens(suffixes, width);
        using var cache = prefixes?.Select([.. batch.Select(row => row.Prefix)], prefixes.Longest + width) ?? model.NewCache(batch.Count, width);
        var hidden = model.Hidden(tokens, cache); // [rows, width, hidden]
        var last = tensor(suffixes.Select((suffix, row) => (long)row * width + suffix.Length - 1).ToArray(), device: model.Device);
        var labels = model.LogitsOf(hidden.flatten(0, 1).index_select(0, last), labelIds).cpu().data<float>(); // [rows, 2]
        for (var i = 0; i < batch.Count; i++) logits[batch[i].Row] = (labels[2 * i], labels[2 * i + 1]);
    }

    /// <summary>[rows, width] ids, padded on the right with id 0: causality hides it.</summary>
    private Tensor Tokens(int[][] rows, int width)
    {
        var ids = new long[rows.Length * width];
        for (var row = 0; row < rows.Length; row++)
            for (var i = 0; i < rows[row].Length; i++) ids[row * width + i] = rows[row][i];
        return tensor(ids, [rows.Length, width], device: model.Device);
    }

    /// <summary>Tokens that some prompts begin with, at least one of each left over.</summary>
    private static int SharedPrefix(IReadOnlyList<JudgeInput> prompts, int[] rows)
    {
        var first = prompts[rows[0]].Ids;
        var shared = first.Length - 1;
        foreach (var row in rows) shared = Math.Min(shared, Math.Min(first.AsSpan().CommonPrefixLength(prompts[row].Ids), prompts[row].Ids.Length - 1));
        return shared;
    }

    /// <summary>Items by falling length, as many at a time as fit when padded to the longest.</summary>
    private IEnumerable<List<T>> Batches<T>(IEnumerable<T> items, Func<T, int> length)
    {
        var batch = new List<T>();
        var longest = 0;
        foreach (var item in items.OrderByDescending(length))
        {
            if (batch.Count > 0 && longest * (batch.Count + 1) > batchTokens)
            {
                yield return batch;
                batch = [];
            }
            if (batch.Count == 0) longest = Math.Max(1, length(item));
            batch.Add(item);
        }
        if (batch.Count > 0) yield return batch;
    }
}
