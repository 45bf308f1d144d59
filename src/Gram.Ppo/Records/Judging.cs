namespace Gram.Ppo.Records;

/// <summary>A rollout whose judgement has begun. A judge elsewhere works at it while the device goes on.</summary>
public sealed class Judging
{
    private readonly TaskCompletionSource due = new();
    private readonly Task<Judgement> judgement;

    /// <summary>Begins it.</summary>
    /// <param name="rollout">What is judged.</param>
    /// <param name="judge">Judges. Its task is done when the judgement is due: what processes do together must wait for it.</param>
    internal Judging(Rollout rollout, Func<Task, Task<Judgement>> judge) => (Rollout, judgement) = (rollout, judge(due.Task));

    /// <summary>What is judged.</summary>
    public Rollout Rollout { get; }

    /// <summary>Waits for the judgement, which is due.</summary>
    public Task<Judgement> TakeAsync()
    {
        due.TrySetResult();
        return judgement;
    }

    /// <summary>Throws what a judge that has failed already has thrown.</summary>
    public void ThrowIfFailed()
    {
        if (judgement.IsCompleted) judgement.GetAwaiter().GetResult();
    }

    /// <summary>Gives it up, after its cancellation, and waits until nobody works at it any more.</summary>
    internal async Task AbandonAsync()
    {
        due.TrySetCanceled();
        await ((Task)judgement).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
    }
}
