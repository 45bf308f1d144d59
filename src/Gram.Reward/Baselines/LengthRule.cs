using Gram.Reward.Judging;

namespace Gram.Reward.Baselines;

/// <summary>The floor of every benchmark: the longer answer, in characters, is the better one; equal lengths are a tie.</summary>
public sealed class LengthRule : IPairJudge
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair => Score(pair.AnswerA, pair.AnswerB))]);

    /// <summary>1 for the longer answer, in both orders.</summary>
    public static PairScore Score(string answerA, string answerB)
    {
        var p = Characters(answerA).CompareTo(Characters(answerB)) switch
        {
            > 0 => 1,
            < 0 => 0,
            _ => 0.5,
        };
        return new(p, p);
    }

    private static int Characters(string text) => text.EnumerateRunes().Count();
}
