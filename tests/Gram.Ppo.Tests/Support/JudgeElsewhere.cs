using Gram.Reward.Judging;

namespace Gram.Ppo.Tests.Support;

/// <summary>A judge that is elsewhere: it answers when it is told to, on another thread.</summary>
/// <param name="judge">What it answers.</param>
/// <param name="answer">Until when the n-th call, from 1, waits; a minute at most.</param>
internal sealed class JudgeElsewhere(IPairJudge judge, Func<int, CancellationToken, Task> answer) : IPairJudge
{
    private int calls;

    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var call = ++calls;
        var scores = await judge.ScoreAsync(pairs, cancellationToken);
        await Task.Run(() => answer(call, cancellationToken), CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(1), cancellationToken).ConfigureAwait(false);
        return scores;
    }
}
