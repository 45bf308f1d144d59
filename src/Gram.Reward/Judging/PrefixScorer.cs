using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>
/// Logits of two labels after each of many prompts. The preamble of all prompts is computed once and kept, what some of the prompts
/// begin with (a question, a question and its first answer) is computed once a call, and the rest in batches of like length. With a
/// cache, what the prompts of earlier calls began with is not computed again either.
/// </summary>
/// <param name="model">The model, which must not change.</param>
/// <param name="labelIds">The two labels' tokens.</param>
/// <param name="batchTokens">Most tokens of a batch, those in its cache and padding included.</param>
/// <param name="preamble">What prompts begin with, as far as they do; may be empty.</param>
/// <param name="cacheBytes">Memory for what calls leave for later ones; 0: they leave nothing.</param>
internal sealed class PrefixScorer(CausalLM model, int[] labelIds, int batchTokens, int[] preamble, long cacheBytes = 0) : IDisposable
{
    /// <summary>Tokens of a batch from which a larger one is no faster: shorter rows are then better off in the next.</summary>
    private const int WorthBatch = 1024;

    /// <summary>Padding that a batch of that size may have, as a share of a row.</summary>
    private const double Padding = 1 / 16.0;

    private readonly PrefixCache cache = new(cacheBytes);
    private List<(int[] Ids, KvCache Row)> fresh = [];
    private long freshBytes;
    private KvCache? kept;

    /// <summary>A branch to compute, and where what lies before it is held; nowhere before a first token.</summary>
    private readonly record struct Step(PromptBranch Branch, KvCache? Parents, int Row);

    /// <summary>Tokens that went through the model, padding included.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens of prompts that earlier calls had computed, the preamble's apart.</summary>
    public long ReusedTokens { get; private set; }

    /// <summary>The two labels' logits, prompt by prompt.</summary>
    public (float First, float Second)[] Score(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken)
    {
        var logits = new (float, float)[prompts.Count];
        if (prompts.Count == 0) return logits;
        using var noGrad = no_grad();
        try
        {
            Run([.. Begin(prompts)], logits, cancellationToken);
        }
        finally
        {
            // Not before: what the cache drops for them may still be in use.
            foreach (var (ids, row) in fresh) cache.Add(ids, row);
            (fresh, freshBytes) = ([], 0);
        }
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cache.Dispose();
        kept?.Dispose();
    }

    /// <summary>The first branches: of prompts whose beginnings an earlier call left, from there on; of all others, from the preamble on.</summary>
    private IEnumerable<Step> Begin(IReadOnlyList<int[]> prompts)
    {
        var known = new Dictionary<(KvCache Row, int Length), List<int>>();
        var others = new List<int>();
        for (var i = 0; i < prompts.Count; i++)
        {
            var prompt = prompts[i];
            var (row, length) = cache.Longest(prompt);
            var saved = length - preamble.AsSpan().CommonPrefixLength(prompt);
            if (row is null || saved < PromptBranch.WorthSharing * prompt.Length)
            {
                others.Add(i);
                continue;
            }
            ReusedTokens += saved;
            if (!known.TryGetValue((row, length), out var alike)) known.Add((row, length), alike = []);
            alike.Add(i);
        }
        foreach (var ((row, length), alike) in known)
            foreach (var branch in PromptBranch.Of(prompts, length, alike)) yield return new(branch, row, 0);

        if (others.Count == 0) yield break;
        var start = preamble.Length;
        foreach (var i in others) start = Math.Min(start, Math.Min(preamble.AsSpan().CommonPrefixLength(prompts[i]), prompts[i].Length - 1));
        if (start < PromptBranch.WorthSharing * others.Average(i => prompts[i].Length)) start = 0;
        foreach (var branch in PromptBranch.Of(prompts, start, others)) yield return new(branch, start > 0 ? Preamble() : null, 0);
    }

    private KvCache Preamble()
    {
        if (kept is not null) return kept;
        using var scope = NewDisposeScope();
        var row = model.NewCache(1, preamble.Length);
        model.Hidden(Padded([preamble], preamble.Length), row);
        return kept = row;
    }

    /// <summary>Prompts that end here first, then what several prompts share, each batch of it with all that goes on from it.</summary>
    private void Run(IReadOnlyList<Step> steps, (float, float)[] logits, CancellationToken cancellationToken)
    {
        foreach (var batch in Batches(steps.Where(step => step.Branch.IsPrompt)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            ScoreBatch(batch, logits);
        }
        foreach (var batch in Batches(steps.Where(step => !step.Branch.IsPrompt)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var shared = Extend(batch);
            for (var row = 0; row < batch.Count && freshBytes < cacheBytes; row++) Keep(batch[row].Branch, shared, row);
            Run([.. batch.SelectMany((step, row) => step.Branch.Branches.Select(branch => new Step(branch, shared, row)))], logits, cancellationToken);
        }
    }

    private void Keep(PromptBranch branch, KvCache shared, int row)
    {
        fresh.Add((branch.Ids[..branch.End], KvCache.Gather([(shared, row, branch.End)], branch.End)));
        freshBytes += fresh[^1].Row.Bytes;
    }

    /// <summary>A cache with a row for each branch, to its end.</summary>
    private KvCache Extend(List<Step> batch)
    {
        using var scope = NewDisposeScope();
        var extended = Forward(batch, out _);
        for (var row = 0; row < batch.Count; row++) extended.Truncate(row, batch[row].Branch.End);
        return extended;
    }

    private void ScoreBatch(List<Step> batch, (float, float)[] logits)
    {
        using var scope = NewDisposeScope();
        using var extended = Forward(batch, out var hidden); // [rows, width, hidden]
        var width = (int)hidden.shape[1];
        var last = tensor(batch.Select((step, row) => ((long)row * width) + step.Branch.Length - 1).ToArray(), device: model.Device);
        var labels = model.LogitsOf(hidden.flatten(0, 1).index_select(0, last), labelIds).cpu().data<float>(); // [rows, 2]
        for (var i = 0; i < batch.Count; i++) logits[batch[i].Branch.Prompt] = (labels[2 * i], labels[(2 * i) + 1]);
    }

    private KvCache Forward(List<Step> batch, out Tensor hidden)
    {
        var width = batch.Max(step => step.Branch.Length);
        var extended = batch.All(step => step.Parents is null)
            ? model.NewCache(batch.Count, width)
            : KvCache.Gather([.. batch.Select(step => (step.Parents, step.Row, step.Branch.Start))], batch.Max(step => step.Branch.Start) + width);
        hidden = model.Hidden(Padded([.. batch.Select(step => step.Branch.Ids[step.Branch.Start..step.Branch.End])], width), extended);
        return extended;
    }

    /// <summary>[rows, width] ids, padded on the right with id 0: causality hides it.</summary>
    private Tensor Padded(int[][] rows, int width)
    {
        Tokens += (long)rows.Length * width;
        var ids = new long[rows.Length * width];
        for (var row = 0; row < rows.Length; row++)
            for (var i = 0; i < rows[row].Length; i++) ids[(row * width) + i] = rows[row][i];
        return tensor(ids, [rows.Length, width], device: model.Device);
    }

    /// <summary>Branches by falling length, as many at a time as fit with what their cache holds, and as are about as long.</summary>
    private IEnumerable<List<Step>> Batches(IEnumerable<Step> steps)
    {
        var batch = new List<Step>();
        var (width, start) = (0, 0);
        foreach (var step in steps.OrderByDescending(step => step.Branch.Length))
        {
            var (length, before) = (step.Branch.Length, Math.Max(start, step.Branch.Start));
            var full = (before + width) * (batch.Count + 1) > batchTokens;
            var shorter = width * batch.Count >= WorthBatch && length < (1 - Padding) * width;
            if (batch.Count > 0 && (full || shorter))
            {
                yield return batch;
                (batch, before) = ([], step.Branch.Start);
            }
            if (batch.Count == 0) width = length;
            start = before;
            batch.Add(step);
        }
        if (batch.Count > 0) yield return batch;
    }
}
