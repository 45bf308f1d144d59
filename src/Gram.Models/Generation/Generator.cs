using Gram.Models.Transformer;

namespace Gram.Models.Generation;

/// <summary>One generated response.</summary>
/// <param name="Tokens">New token ids; the end token included when there is one.</param>
/// <param name="LogProbs">Log-probability of each token as it was drawn (for greedy: of logits / temperature, unfiltered).</param>
/// <param name="Ended">Whether it ended at an end token; otherwise it is truncated.</param>
/// <param name="Kept">With a filter: for each token, the ids that the filter kept at that position; otherwise null.</param>
public sealed record GeneratedSequence(int[] Tokens, float[] LogProbs, bool Ended, int[][]? Kept);

/// <summary>Responses to one prompt: from one shared prefill.</summary>
/// <param name="Greedy">The greedy response, where asked for.</param>
/// <param name="Samples">The sampled responses.</param>
public sealed record GeneratedGroup(GeneratedSequence? Greedy, IReadOnlyList<GeneratedSequence> Samples);

/// <summary>Greedy and sampled generation in left-padded batches, one prefill for all responses of a prompt.</summary>
public sealed class Generator(CausalLM model, IReadOnlyList<int> endTokens, int padToken)
{
    /// <summary>Generates, for each prompt, a greedy response (if asked) and a number of samples, all in one batch (bounded by <paramref name="maxRows"/> rows at a time). Order is kept. Each row draws from a generator of its own, forked from <paramref name="random"/>, so that it does not depend on its neighbours.</summary>
    public IReadOnlyList<GeneratedGroup> Generate(IReadOnlyList<int[]> prompts, SamplingOptions options, bool greedy, int samples, RandomSource random, int maxRows = 64, CancellationToken cancellationToken = default)
    {
        _ = (model, endTokens, padToken);
        throw new NotImplementedException();
    }
}
