using Gram.Models;
using Gram.Ppo.Records;
using Gram.Reward.Judging;

namespace Gram.Ppo.Stages;

/// <summary>Judges answers against references, or a query's answers against one another: equal texts tie without a call, imitated markers lose.</summary>
/// <param name="judge">Who judges.</param>
/// <param name="config">The judge's prompt, whose markers are looked for.</param>
/// <param name="markerPenalty">Whether a marker costs the answer its score.</param>
public sealed class PairScoring(IPairJudge judge, GramConfig config, bool markerPenalty)
{
    /// <summary>A verdict for each (question, answer, reference), and how many of them the judge was asked for.</summary>
    /// <exception cref="GramException">The judge did not give one finite score a pair.</exception>
    public async ValueTask<(IReadOnlyList<Verdict> Verdicts, int Judged)> ScoreAsync(IReadOnlyList<(string Question, string Answer, string Reference)> items, CancellationToken cancellationToken)
    {
        var (pairs, judged) = await CompareAsync([.. items.Select(item => new AnswerPair(item.Question, item.Answer, item.Reference))], cancellationToken);
        return ([.. items.Zip(pairs, (item, pair) => Of(item.Answer, item.Reference, pair))], judged);
    }

    /// <summary>A verdict for each answer from its comparisons with all others of its query, and how many comparisons the judge was asked for: each two answers once.</summary>
    /// <param name="items">At least two of each query.</param>
    /// <param name="cancellationToken">Stops the judge.</param>
    public async ValueTask<(IReadOnlyList<Verdict> Verdicts, int Judged)> RoundRobinAsync(IReadOnlyList<(int Query, string Question, string Answer)> items, CancellationToken cancellationToken)
    {
        (int A, int B)[] games =
        [
            .. Enumerable.Range(0, items.Count).GroupBy(i => items[i].Query)
                .SelectMany(query => query.SelectMany((a, place) => query.Skip(place + 1).Select(b => (a, b))))
        ];
        var (pairs, judged) = await CompareAsync([.. games.Select(game => new AnswerPair(items[game.A].Question, items[game.A].Answer, items[game.B].Answer))], cancellationToken);
        var scores = items.Select(_ => new List<(int Other, PairScore Pair)>()).ToArray();
        foreach (var (game, pair) in games.Zip(pairs))
        {
            scores[game.A].Add((game.B, pair));
            scores[game.B].Add((game.A, pair.Swapped()));
        }
        return ([.. items.Zip(scores, (item, own) => Of(
            item.Answer, items[own[0].Other].Answer, new PairScore(own.Average(score => score.Pair.PAb), own.Average(score => score.Pair.PBa))))], judged);
    }

    private async ValueTask<(PairScore[] Scores, int Judged)> CompareAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken)
    {
        var asked = Enumerable.Range(0, pairs.Count).Where(i => pairs[i].AnswerA != pairs[i].AnswerB).ToArray();
        var scores = await judge.ScoreEachAsync([.. asked.Select(i => pairs[i])], cancellationToken);
        var all = Enumerable.Repeat(PairScore.Tie, pairs.Count).ToArray();
        foreach (var (i, score) in asked.Zip(scores)) all[i] = score;
        return (all, asked.Length);
    }

    private Verdict Of(string answer, string reference, PairScore pair)
    {
        var marker = MarkerDetection.ImitatesMarkers(answer, config);
        return new Verdict(answer, reference, pair, marker, marker && markerPenalty ? 0 : pair.ScoreA);
    }
}
