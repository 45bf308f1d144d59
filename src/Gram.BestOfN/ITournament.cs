using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>One comparison made: indices of the two answers, the first's score, and the round.</summary>
public sealed record Comparison(int A, int B, double ScoreA, int Round);

/// <summary>A tournament's outcome.</summary>
/// <param name="Best">Index of the best answer.</param>
/// <param name="Ranking">Indices, best first.</param>
/// <param name="Scores">Each answer's mean score over its comparisons (½ where it had none).</param>
/// <param name="Comparisons">Every comparison made, in order.</param>
/// <param name="Strengths">Bradley–Terry strengths in log-odds, where the tournament fits them.</param>
/// <param name="Confidence">The probability that the best is the best of all, where the tournament has one.</param>
public sealed record TournamentResult(
    int Best, IReadOnlyList<int> Ranking, IReadOnlyList<double> Scores, IReadOnlyList<Comparison> Comparisons, IReadOnlyList<double>? Strengths = null, double? Confidence = null);

/// <summary>Ranks answers to a question by pairwise judgements.</summary>
public interface ITournament
{
    /// <summary>Its name: linear, knockout, round_robin or adaptive.</summary>
    string Name { get; }

    /// <summary>The most comparisons that a number of answers can take.</summary>
    long MostComparisons(int answers);

    /// <summary>Ranks the answers of many questions at once, so that each round of all of them is judged as one batch.</summary>
    Task<IReadOnlyList<TournamentResult>> RankAsync(IPairJudge judge, IReadOnlyList<(string Question, IReadOnlyList<string> Answers)> items, CancellationToken cancellationToken = default);
}
