using Gram.Reward.Judging;

namespace Gram.Rl.Tests;

/// <summary>A judge of one's own: the shorter answer is better.</summary>
public sealed class ShorterIsBetter : IPairJudge
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
        new([.. pairs.Select(pair => pair.AnswerA.Length == pair.AnswerB.Length ? PairScore.Tie : pair.AnswerA.Length < pair.AnswerB.Length ? new PairScore(1, 1) : new PairScore(0, 0))]);
}
