using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>One generated response.</summary>
/// <param name="Tokens">New token ids; the end token included when there is one.</param>
/// <param name="LogProbs">Log-probability of each token as it was drawn (for greedy: of logits / temperature, unfiltered).</param>
/// <param name="Ended">Whether it ended at an end token; otherwise it is truncated.</param>
/// <param name="Kept">For a sampled response under a filter: for each token, the ids that the filter kept at that position; otherwise null.</param>
public sealed record GeneratedSequence(int[] Tokens, float[] LogProbs, bool Ended, int[][]? Kept);

/// <summary>Responses to one prompt: from one shared prefill.</summary>
/// <param name="Greedy">The greedy response, where asked for.</param>
/// <param name="Samples">The sampled responses.</param>
public sealed record GeneratedGroup(GeneratedSequence? Greedy, IReadOnlyList<GeneratedSequence> Samples);

/// <summary>Greedy and sampled generation in batches, one prefill for all responses of a prompt.</summary>
/// <param name="model">The model; it stays in its owner's hands.</param>
/// <param name="endTokens">All tokens that end a response.</param>
/// <param name="padToken">Fills the end of shorter prompts; its value influences nothing.</param>
public sealed class Generator(CausalLM model, IReadOnlyList<int> endTokens, int padToken)
{
    /// <summary>
    /// Generates, for each prompt, a greedy response (if asked) and a number of samples, all in one batch (bounded by <paramref name="maxRows"/> rows at a time).
    /// Order is kept. Each row draws from a generator of its own, forked from <paramref name="random"/>, so that it does not depend on its neighbours.
    /// A response also ends where the model's context does.
    /// </summary>
    /// <param name="prompts">Token ids of the prompts.</param>
    /// <param name="options">How tokens are drawn, and how many.</param>
    /// <param name="greedy">Whether each prompt gets a greedy response.</param>
    /// <param name="samples">Sampled responses of each prompt.</param>
    /// <param name="random">The run's generator; advanced by one draw a sample.</param>
    /// <param name="maxRows">Most responses decoded at a time.</param>
    /// <param name="cancellationToken">Stops between tokens.</param>
    /// <exception cref="GramException">A prompt is empty, or fills the model's context.</exception>
    public IReadOnlyList<GeneratedGroup> Generate(IReadOnlyList<int[]> prompts, SamplingOptions options, bool greedy, int samples, RandomSource random, int maxRows = 64, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, greedy ? 0 : 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxNewTokens, 1);
        var context = model.Config.MaxPositionEmbeddings;
        for (var i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0) throw new GramException($"prompt {i + 1} is empty: it needs at least one token");
            if (prompts[i].Length >= context) throw new GramException($"prompt {i + 1} is longer than the context: {prompts[i].Length} tokens, where the model has room for {context} with the answer; shorten it");
        }

        var rowsPerPrompt = samples + (greedy ? 1 : 0);
        // Forked in the prompts' order, whatever the batches below.
        var forks = prompts.Select(_ => Enumerable.Range(0, samples).Select(_ => random.Fork()).ToArray()).ToArray();
        var groups = new GeneratedGroup[prompts.Count];
        using var noGrad = no_grad();
        // Prompts of like length share a batch: less padding.
        foreach (var batch in Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Length).Chunk(Math.Max(1, maxRows / rowsPerPrompt)))
        {
            int Limit(int i) => Math.Min(options.MaxNewTokens, context - prompts[i].Length);
            DecodingRow?[] greedyRows = [.. batch.Select((i, slot) => greedy ? new DecodingRow(slot, Limit(i), null) : null)];
            DecodingRow[][] sampledRows = [.. batch.Select((i, slot) => forks[i].Select(fork => new DecodingRow(slot, Limit(i), fork)).ToArray())];
            using (var prefill = new Prefill(model, [.. batch.Select(i => prompts[i])], padToken, cancellationToken))
            {
                // Greedy rows first: the decoder handles each kind as one block.
                foreach (var rows in greedyRows.OfType<DecodingRow>().Concat(sampledRows.SelectMany(rows => rows)).Chunk(maxRows))
                    Decoder.Run(model, prefill, rows, options, endTokens, cancellationToken);
            }
            for (var slot = 0; slot < batch.Length; slot++)
                groups[batch[slot]] = new GeneratedGroup(greedyRows[slot]?.Finish(), [.. sampledRows[slot].Select(row => row.Finish())]);
        }
        return groups;
    }
}
