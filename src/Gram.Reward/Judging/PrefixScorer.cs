using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>
/// Logits of two labels after each of many prompts. The preamble of all prompts is computed once and kept, what some of the prompts
/// begin with (a question, a question and its first answer) is computed once a call, and the rest in batches of like length.
/// </summary>
/// <param name="model">The model, which must not change.</param>
/// <param name="labelIds">The two labels' tokens.</param>
/// <param name="batchTokens">Most tokens of a batch, those in its cache and padding included.</param>
/// <param name="preamble">What prompts begin with, as far as they do; may be empty.</param>
internal sealed class PrefixScorer(CausalLM model, int[] labelIds, int batchTokens, int[] preamble) : IDisposable
{
    /// <summary>Tokens of a batch from which a larger one is no faster: shorter rows are then better off in the next.</summary>
    private const int WorthBatch = 1024;

    /// <summary>Padding that a batch of that size may have, as a share of a row.</summary>
    private const double Padding = 1 / 16.0;

    private KvCache? kept;

    /// <summary>A branch to compute, and the row of its parent in the cache.</summary>
    private readonly record struct Step(PromptBranch Branch, int Row);

    /// <summary>Tokens that went through the model, padding included.</summary>
    public long Tokens { get; private set; }

    /// <summary>The two labels' logits, prompt by prompt.</summary>
    public (float First, float Second)[] Score(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken)
    {
        var logits = new (float, float)[prompts.Count];
        if (prompts.Count == 0) return logits;
        using var noGrad = no_grad();
        var start = preamble.Length;
        foreach (var prompt in prompts) start = Math.Min(start, Math.Min(preamble.AsSpan().CommonPrefixLength(prompt), prompt.Length - 1));
        if (start < PromptBranch.WorthSharing * prompts.Average(prompt => prompt.Length)) start = 0;
        using var cut = start > 0 && start < preamble.Length ? Preamble().Select([0], preamble.Length) : null;
        cut?.Truncate(0, start);
        Run([.. PromptBranch.Of(prompts, start).Select(branch => new Step(branch, 0))], cut ?? (start > 0 ? Preamble() : null), logits, cancellationToken);
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose() => kept?.Dispose();

    private KvCache Preamble()
    {
        if (kept is not null) return kept;
        using var scope = NewDisposeScope();
        var cache = model.NewCache(1, preamble.Length);
        model.Hidden(Padded([preamble], preamble.Length), cache);
        return kept = cache;
    }

    /// <summary>Prompts that end here first, then what several prompts share, each batch of it with all that goes on from it.</summary>
    private void Run(IReadOnlyList<Step> steps, KvCache? parents, (float, float)[] logits, CancellationToken cancellationToken)
    {
        foreach (var batch in Batches(steps.Where(step => step.Branch.IsPrompt)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            ScoreBatch(batch, parents, logits);
        }
        foreach (var batch in Batches(steps.Where(step => !step.Branch.IsPrompt)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var shared = Extend(batch, parents);
            Run([.. batch.SelectMany((step, row) => step.Branch.Branches.Select(branch => new Step(branch, row)))], shared, logits, cancellationToken);
        }
    }

    /// <summary>A cache with a row for each branch, to its end.</summary>
    private KvCache Extend(List<Step> batch, KvCache? parents)
    {
        using var scope = NewDisposeScope();
        var cache = Forward(batch, parents, out _);
        for (var row = 0; row < batch.Count; row++) cache.Truncate(row, batch[row].Branch.End);
        return cache;
    }

    private void ScoreBatch(List<Step> batch, KvCache? parents, (float, float)[] logits)
    {
        using var scope = NewDisposeScope();
        using var cache = Forward(batch, parents, out var hidden); // [rows, width, hidden]
        var width = (int)hidden.shape[1];
        var last = tensor(batch.Select((step, row) => ((long)row * width) + step.Branch.Length - 1).ToArray(), device: model.Device);
        var labels = model.LogitsOf(hidden.flatten(0, 1).index_select(0, last), labelIds).cpu().data<float>(); // [rows, 2]
        for (var i = 0; i < batch.Count; i++) logits[batch[i].Branch.Prompt] = (labels[2 * i], labels[(2 * i) + 1]);
    }

    private KvCache Forward(List<Step> batch, KvCache? parents, out Tensor hidden)
    {
        var width = batch.Max(step => step.Branch.Length);
        var cache = parents?.Select([.. batch.Select(step => step.Row)], batch.Max(step => step.Branch.Start) + width) ?? model.NewCache(batch.Count, width);
        hidden = model.Hidden(Padded([.. batch.Select(step => step.Branch.Ids[step.Branch.Start..step.Branch.End])], width), cache);
        return cache;
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
