using Gram.Reward.Judging;

namespace Gram.BestOfN.Tests;

/// <summary>A judge by rule: the score of answer A from the two texts. Keeps the batches that it was asked for.</summary>
internal sealed class TestJudge(Func<string, string, PairScore> score) : IPairJudge
{
    public TestJudge(Func<string, string, double> scoreA) : this((a, b) => new PairScore(scoreA(a, b), scoreA(a, b))) { }

    public List<IReadOnlyList<AnswerPair>> Batches { get; } = [];

    /// <summary>Answers are numbers; the larger wins, by a logistic of the difference.</summary>
    public static TestJudge OfNumbers() => new((a, b) => Logistic(Parse(a) - Parse(b)));

    /// <summary>A judge that adds log-odds to whichever answer it reads first.</summary>
    public static TestJudge Biased(Func<string, string, double> logOdds, double bias) => new((a, b) => new PairScore(Logistic(logOdds(a, b) + bias), Logistic(logOdds(a, b) - bias)));

    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Batches.Add(pairs);
        return ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair => score(pair.AnswerA, pair.AnswerB))]);
    }

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));

    private static double Parse(string answer) => double.Parse(answer);
}
