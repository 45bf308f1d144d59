using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Ppo.Tests.Support;

/// <summary>Prefers answers with more of the letter a; also the gold measure: its share.</summary>
internal sealed class LetterJudge : IPairJudge, IGoldMeasure
{
    /// <summary>Pairs asked for so far.</summary>
    public List<AnswerPair> Asked { get; } = [];

    /// <summary>Called before each batch.</summary>
    public Action? BeforeScoring { get; set; }

    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        BeforeScoring?.Invoke();
        cancellationToken.ThrowIfCancellationRequested();
        Asked.AddRange(pairs);
        return ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair =>
        {
            var p = 1 / (1 + Math.Exp(-(Count(pair.AnswerA) - Count(pair.AnswerB))));
            return new PairScore(Math.Min(1, p + 0.01), Math.Max(0, p - 0.01));
        })]);
    }

    public double Score(Prompt prompt, string response) => response.Length == 0 ? 0 : Count(response) / (double)response.Length;

    private static int Count(string text) => text.Count(letter => letter == 'a');
}
