using Gram.Ppo.Records;
using Gram.Reward.Judging;

namespace Gram.Ppo.Stages;

/// <summary>Judges answers against references: equal texts tie without a call, imitated markers lose.</summary>
/// <param name="judge">Who judges.</param>
/// <param name="config">The judge's prompt, whose markers are looked for.</param>
/// <param name="markerPenalty">Whether a marker costs the answer its score.</param>
public sealed class PairScoring(IPairJudge judge, GramConfig config, bool markerPenalty)
{
    /// <summary>A verdict for each (question, answer, reference), and how many of them the judge was asked for.</summary>
    public async ValueTask<(IReadOnlyList<Verdict> Verdicts, int Judged)> ScoreAsync(IReadOnlyList<(string Question, string Answer, string Reference)> items, CancellationToken cancellationToken)
    {
        var asked = Enumerable.Range(0, items.Count).Where(i => items[i].Answer != items[i].Reference).ToArray();
        var scores = asked.Length == 0 ? [] : await judge.ScoreAsync([.. asked.Select(i => new AnswerPair(items[i].Question, items[i].Answer, items[i].Reference))], cancellationToken);
        var pairs = Enumerable.Repeat(PairScore.Tie, items.Count).ToArray();
        foreach (var (i, score) in asked.Zip(scores)) pairs[i] = score;
        var verdicts = items.Zip(pairs, (item, pair) =>
        {
            var marker = MarkerDetection.ImitatesMarkers(item.Answer, config);
            return new Verdict(item.Answer, item.Reference, pair, marker, marker && markerPenalty ? 0 : pair.ScoreA);
        });
        return ([.. verdicts], asked.Length);
    }
}
