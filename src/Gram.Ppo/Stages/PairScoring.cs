using Gram.Models;
using Gram.Ppo.Records;
using Gram.Reward.Judging;
using Gram.Training.Parallel;

namespace Gram.Ppo.Stages;

/// <summary>Judges answers against references, or a query's answers against one another: equal texts tie without a call, imitated markers lose.</summary>
/// <param name="judge">Who judges.</param>
/// <param name="config">The judge's prompt, whose markers are looked for.</param>
/// <param name="markerPenalty">Whether a marker costs the answer its score.</param>
/// <param name="group">The run's processes, each of which has its part of the pairs judged; null: this one alone.</param>
public sealed class PairScoring(IPairJudge judge, GramConfig config, bool markerPenalty, IProcessGroup? group = null)
{
    private readonly IProcessGroup group = group ?? SoleProcess.Instance;

    /// <summary>A verdict for each (question, answer, reference), how many of them the judge was asked for, and the seconds until it answered.</summary>
    /// <param name="items">What is judged.</param>
    /// <param name="cancellationToken">Stops the judge.</param>
    /// <param name="due">Where the processes put their parts together: not before this is done. Null: at once.</param>
    /// <exception cref="GramException">The judge did not give one finite score a pair.</exception>
    public async ValueTask<(IReadOnlyList<Verdict> Verdicts, int Judged, double Seconds)> ScoreAsync(IReadOnlyList<(string Question, string Answer, string Reference)> items, CancellationToken cancellationToken, Task? due = null)
    {
        var (pairs, judged, seconds) = await CompareAsync([.. items.Select(item => new AnswerPair(item.Question, item.Answer, item.Reference))], due, cancellationToken);
        return ([.. items.Zip(pairs, (item, pair) => Of(item.Answer, item.Reference, pair))], judged, seconds);
    }

    /// <summary>A verdict for each answer from its comparisons with all others of its query, how many comparisons the judge was asked for (each two answers once), and the seconds until it answered.</summary>
    /// <param name="items">At least two of each query.</param>
    /// <param name="cancellationToken">Stops the judge.</param>
    /// <param name="due">Where the processes put their parts together: not before this is done. Null: at once.</param>
    public async ValueTask<(IReadOnlyList<Verdict> Verdicts, int Judged, double Seconds)> RoundRobinAsync(IReadOnlyList<(int Query, string Question, string Answer)> items, CancellationToken cancellationToken, Task? due = null)
    {
        (int A, int B)[] games =
        [
            .. Enumerable.Range(0, items.Count).GroupBy(i => items[i].Query)
                .SelectMany(query => query.SelectMany((a, place) => query.Skip(place + 1).Select(b => (a, b))))
        ];
        var (pairs, judged, seconds) = await CompareAsync([.. games.Select(game => new AnswerPair(items[game.A].Question, items[game.A].Answer, items[game.B].Answer))], due, cancellationToken);
        var scores = items.Select(_ => new List<(int Other, PairScore Pair)>()).ToArray();
        foreach (var (game, pair) in games.Zip(pairs))
        {
            scores[game.A].Add((game.B, pair));
            scores[game.B].Add((game.A, pair.Swapped()));
        }
        return ([.. items.Zip(scores, (item, own) => Of(
            item.Answer, items[own[0].Other].Answer, new PairScore(own.Average(score => score.Pair.PAb), own.Average(score => score.Pair.PBa))))], judged, seconds);
    }

    private async ValueTask<(PairScore[] Scores, int Judged, double Seconds)> CompareAsync(IReadOnlyList<AnswerPair> pairs, Task? due, CancellationToken cancellationToken)
    {
        var asked = Enumerable.Range(0, pairs.Count).Where(i => pairs[i].AnswerA != pairs[i].AnswerB).ToArray();
        var (from, to) = group.Part(asked.Length);
        var (own, seconds) = await Asking.TimedAsync(() => judge.ScoreEachAsync([.. asked[from..to].Select(i => pairs[i])], cancellationToken));
        // An answer comes when it comes; what processes do together, they must all do in the same order.
        if (group.Size > 1 && due is not null) await due;
        var all = Enumerable.Repeat(PairScore.Tie, pairs.Count).ToArray();
        foreach (var (i, score) in asked.Zip(group.Join(own))) all[i] = score;
        return (all, asked.Length, seconds);
    }

    private Verdict Of(string answer, string reference, PairScore pair)
    {
        var marker = MarkerDetection.ImitatesMarkers(answer, config);
        return new Verdict(answer, reference, pair, marker, marker && markerPenalty ? 0 : pair.ScoreA);
    }
}
