using Gram.Reward.Judging;

namespace Gram.BestOfN.Tests;

/// <summary>A judge by rule: the score of answer A from the two texts. Keeps the batches that it was asked for.</summary>
internal sealed class TestJudge(Func<string, string, double> scoreA) : IPairJudge
{
    public List<IReadOnlyList<AnswerPair>> Batches { get; } = [];

    /// <summary>Answers are numbers; the larger wins, by a logistic of the difference.</summary>
    public static TestJudge OfNumbers() => new((a, b) => 1 / (1 + Math.Exp(Parse(b) - Parse(a))));

    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Batches.Add(pairs);
        return ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair => scoreA(pair.AnswerA, pair.AnswerB)).Select(score => new PairScore(score, score))]);
    }

    private static double Parse(string answer) => double.Parse(answer);
}
