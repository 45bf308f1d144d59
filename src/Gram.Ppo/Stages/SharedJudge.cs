using Gram.Reward.Judging;
using Gram.Training.Parallel;

namespace Gram.Ppo.Stages;

/// <summary>Has each pair judged in one of a run's processes.</summary>
/// <param name="judge">This process's judge.</param>
/// <param name="group">The run's processes.</param>
public sealed class SharedJudge(IPairJudge judge, IProcessGroup group) : IPairJudge
{
    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var (from, to) = group.Part(pairs.Count);
        return group.Join(await judge.ScoreEachAsync([.. pairs.Skip(from).Take(to - from)], cancellationToken));
    }
}
