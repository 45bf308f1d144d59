using System.Text.RegularExpressions;
using Gram.Reward.Judging;

namespace Gram.Reward.Baselines;

/// <summary>A judge that knows how often words occur and nothing else: logistic regression on the difference of both answers' word counts.</summary>
public sealed partial class BagOfWords : IPairJudge
{
    private const int Folds = 5;

    /// <summary>Values of λ in ½·λ·|w|² beside the sum of the losses; 1 is scikit-learn's default (C = 1).</summary>
    private static readonly double[] Penalties = [1, 10, 100];

    private readonly Dictionary<string, int> vocabulary = [];
    private readonly double[] weights;

    /// <summary>Fits it to pairs whose answer A is the better one; the penalty is the one that predicts left-out fifths of them best.</summary>
    public BagOfWords(IReadOnlyList<AnswerPair> pairs)
    {
        foreach (var word in pairs.SelectMany(pair => Words(pair.AnswerA).Concat(Words(pair.AnswerB)))) vocabulary.TryAdd(word, vocabulary.Count);
        (int[], double[])[] rows = [.. pairs.Select(Difference)];
        var penalty = rows.Length < Folds ? Penalties[0] : Penalties.MinBy(candidate => LeftOutLoss(rows, candidate));
        weights = LogisticRegression.Fit(rows, vocabulary.Count, penalty);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) => ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair =>
    {
        var p = 1 / (1 + Math.Exp(-LogisticRegression.Dot(Difference(pair), weights)));
        return new PairScore(p, p);
    })]);

    private double LeftOutLoss((int[], double[])[] rows, double penalty) => Enumerable.Range(0, Folds).Sum(fold =>
    {
        var fitted = LogisticRegression.Fit([.. rows.Where((_, i) => i % Folds != fold)], vocabulary.Count, penalty);
        return rows.Where((_, i) => i % Folds == fold).Sum(row => LogisticRegression.Loss(row, fitted));
    });

    /// <summary>Counts of answer A's known words minus those of answer B's.</summary>
    private (int[] Indices, double[] Values) Difference(AnswerPair pair)
    {
        var counts = new SortedDictionary<int, double>();
        Add(pair.AnswerA, 1);
        Add(pair.AnswerB, -1);
        return ([.. counts.Keys], [.. counts.Values]);

        void Add(string answer, int sign)
        {
            foreach (var word in Words(answer))
                if (vocabulary.TryGetValue(word, out var index)) counts[index] = counts.GetValueOrDefault(index) + sign;
        }
    }

    private static IEnumerable<string> Words(string text) => Word().Matches(text.ToLowerInvariant()).Select(match => match.Value);

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
