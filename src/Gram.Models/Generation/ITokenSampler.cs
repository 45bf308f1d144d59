using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>A token as it was drawn.</summary>
/// <param name="Token">Its id.</param>
/// <param name="LogProb">Its log-prob among what the filters kept (for greedy: unfiltered), where log-probs are asked for; otherwise 0.</param>
/// <param name="Kept">Where log-probs are asked for and a filter is in force, a sample's kept ids, in order; otherwise null.</param>
internal readonly record struct DrawnToken(int Token, float LogProb, int[]? Kept);

/// <summary>Draws the next token of each row: by inverse transform from the row's own generator, or the likeliest.</summary>
internal interface ITokenSampler : IDisposable
{
    /// <summary>Draws a token for each row.</summary>
    /// <param name="logits">[rows, vocab] float32; overwritten.</param>
    /// <param name="rows">The rows.</param>
    DrawnToken[] Draw(Tensor logits, IReadOnlyList<DecodingRow> rows);
}
