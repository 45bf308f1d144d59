namespace Gram.Models.Generation;

/// <summary>Why a response ended.</summary>
public enum ResponseEnd
{
    /// <summary>An end token, which is part of it.</summary>
    EndToken,
    /// <summary>Its text holds a stop string.</summary>
    StopString,
    /// <summary>It has as many tokens as were allowed, or as the context has room for: it is truncated.</summary>
    Length,
}

/// <summary>One generated response.</summary>
/// <param name="Tokens">New token ids; the end token, or those that wrote a stop string, included.</param>
/// <param name="End">Why it ended.</param>
/// <param name="LogProbs">Where asked for, the log-probability of each token as it was drawn (for greedy: of logits / temperature, unfiltered).</param>
/// <param name="Kept">Where log-probs are asked for, for a sampled response under a filter: for each token, the ids that the filter kept at that position; otherwise null.</param>
/// <param name="Text">Its text without control tokens, cut before a stop string; null where the generator has no tokenizer.</param>
public sealed record GeneratedSequence(int[] Tokens, ResponseEnd End, float[]? LogProbs = null, int[][]? Kept = null, string? Text = null)
{
    /// <summary>Whether it ended of itself; otherwise it is truncated.</summary>
    public bool Ended => End != ResponseEnd.Length;
}

/// <summary>Responses to one prompt: from one shared prefill.</summary>
/// <param name="Greedy">The greedy response, where asked for.</param>
/// <param name="Samples">The sampled responses.</param>
public sealed record GeneratedGroup(GeneratedSequence? Greedy, IReadOnlyList<GeneratedSequence> Samples);

/// <summary>Which response of which prompt.</summary>
/// <param name="Prompt">Index of its prompt.</param>
/// <param name="Sample">Its number among the prompt's samples; null: the greedy response.</param>
public readonly record struct ResponsePlace(int Prompt, int? Sample);

/// <summary>A token of a response, as a listener hears of it when it is drawn.</summary>
/// <param name="Place">The response.</param>
/// <param name="Token">The token's id.</param>
/// <param name="Piece">The text that is certain since the token before: without halves of characters, and without what a stop string may yet take away. The pieces together are the response's text. Null where the generator has no tokenizer.</param>
/// <param name="End">For the last token, why the response ended.</param>
public readonly record struct GeneratedToken(ResponsePlace Place, int Token, string? Piece, ResponseEnd? End);
