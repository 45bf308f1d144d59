namespace Gram.Models.Generation;

/// <summary>One response while it is being decoded.</summary>
/// <param name="slot">Row of its prompt in the prefilled batch.</param>
/// <param name="limit">Most new tokens.</param>
/// <param name="random">Its own generator; null = greedy.</param>
internal sealed class DecodingRow(int slot, int limit, RandomSource? random)
{
    private readonly List<int> tokens = [];
    private readonly List<float> logProbs = [];
    private List<int[]>? kept;
    private bool ended;

    public int Slot => slot;
    public int Limit => limit;
    public RandomSource? Random => random;
    public bool Done => ended || tokens.Count == limit;

    public void Add(int token, float logProb, int[]? keptIds, bool isEnd)
    {
        tokens.Add(token);
        logProbs.Add(logProb);
        if (keptIds is not null) (kept ??= []).Add(keptIds);
        ended = isEnd;
    }

    public GeneratedSequence Finish() => new([.. tokens], [.. logProbs], ended, kept?.ToArray());
}
