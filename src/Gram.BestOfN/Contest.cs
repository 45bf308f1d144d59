using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>A meeting of two answers of one contest.</summary>
internal readonly record struct Match(Contest Contest, int A, int B, AnswerPair Pair);

/// <summary>The answers to one question: who is still in, who lost when, and every comparison made.</summary>
internal sealed class Contest
{
    private readonly string question;
    private readonly IReadOnlyList<string> answers;
    private readonly int[] first; // identical answers compete once, as the earliest of them
    private readonly List<int> remaining;
    private readonly List<Comparison> comparisons = [];

    public Contest(string question, IReadOnlyList<string> answers, int row)
    {
        if (answers.Count == 0) throw new GramException($"item {row} has no answers to rank; give each question at least one");
        this.question = question;
        this.answers = answers;
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        first = [.. answers.Select((answer, i) => seen.TryAdd(answer, i) ? i : seen[answer])];
        remaining = [.. first.Distinct()];
    }

    public int Remaining => remaining.Count;

    /// <summary>The front pairs of neighbours still in; none once there is a winner.</summary>
    public IEnumerable<Match> Pairs(int count) =>
        remaining.Chunk(2).Take(count).Where(pair => pair.Length == 2)
            .Select(pair => new Match(this, pair[0], pair[1], new(question, answers[pair[0]], answers[pair[1]])));

    /// <summary>Records a comparison; the loser leaves. The earlier answer keeps a tie: neighbours stand in the order of their indices.</summary>
    public void Settle(int a, int b, double scoreA, int round)
    {
        comparisons.Add(new(a, b, scoreA, round));
        remaining.Remove(scoreA >= 0.5 ? b : a);
    }

    public TournamentResult Result()
    {
        var scores = first.Select(MeanScore).ToList();
        var defeats = comparisons.ToDictionary(
            comparison => comparison.ScoreA >= 0.5 ? comparison.B : comparison.A,
            comparison => (comparison.Round, Score: Math.Min(comparison.ScoreA, 1 - comparison.ScoreA)));
        var undefeated = (Round: int.MaxValue, Score: 1.0);
        var ranking = Enumerable.Range(0, answers.Count)
            .OrderByDescending(i => defeats.GetValueOrDefault(first[i], undefeated).Round)
            .ThenByDescending(i => defeats.GetValueOrDefault(first[i], undefeated).Score)
            .ThenBy(i => first[i])
            .ThenBy(i => i)
            .ToList();
        return new(ranking[0], ranking, scores, comparisons);
    }

    private double MeanScore(int answer) => comparisons
        .Where(comparison => comparison.A == answer || comparison.B == answer)
        .Select(comparison => comparison.A == answer ? comparison.ScoreA : 1 - comparison.ScoreA)
        .DefaultIfEmpty(0.5)
        .Average();
}
