using Gram.Models.Tokenization;

namespace Gram.Models.Generation;

/// <summary>One response, waiting or being decoded.</summary>
/// <param name="place">Which response of which prompt it is.</param>
/// <param name="prompt">Its prompt's tokens.</param>
/// <param name="limit">Most new tokens.</param>
/// <param name="random">Its own generator; null = greedy.</param>
/// <param name="remembers">Whether <see cref="Seen"/> is kept.</param>
/// <param name="text">Its text, where somebody reads it as it is written; otherwise null.</param>
internal sealed class DecodingRow(ResponsePlace place, int[] prompt, int limit, RandomSource? random, bool remembers, ResponseText? text)
{
    private readonly List<int> tokens = [];
    private readonly List<float> logProbs = [];
    private readonly HashSet<int> seen = remembers ? [.. prompt] : [];
    private List<int[]>? kept;
    private ResponseEnd? end;

    public ResponsePlace Place => place;
    public int[] Prompt => prompt;
    public RandomSource? Random => random;
    public bool Done => end is not null;

    /// <summary>Tokens of the prompt and of the response so far, each once.</summary>
    public IReadOnlyCollection<int> Seen => seen;

    /// <summary>Places in the cache that it may come to need: its last token needs none.</summary>
    public int Room => prompt.Length + limit - 1;

    /// <summary>Takes in a token; returns it as a listener hears of it.</summary>
    public GeneratedToken Add(DrawnToken drawn, bool isEndToken)
    {
        tokens.Add(drawn.Token);
        logProbs.Add(drawn.LogProb);
        if (drawn.Kept is not null) (kept ??= []).Add(drawn.Kept);
        if (remembers) seen.Add(drawn.Token);
        var last = isEndToken || tokens.Count == limit;
        var piece = text?.Add(drawn.Token, last);
        end = text is { Stopped: true } ? ResponseEnd.StopString : isEndToken ? ResponseEnd.EndToken : last ? ResponseEnd.Length : null;
        return new(place, drawn.Token, piece, end);
    }

    /// <summary>The whole response.</summary>
    /// <param name="withLogProbs">Whether it carries log-probs and kept sets.</param>
    /// <param name="tokenizer">For its text, if there is one.</param>
    public GeneratedSequence Finish(bool withLogProbs, Tokenizer? tokenizer) =>
        new([.. tokens], end!.Value, withLogProbs ? [.. logProbs] : null, kept?.ToArray(), text?.Text ?? tokenizer?.Decode(tokens));
}
