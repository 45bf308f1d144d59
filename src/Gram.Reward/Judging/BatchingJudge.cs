using Gram.Models;
using Gram.Pipes;

namespace Gram.Reward.Judging;

/// <summary>
/// Judges together what callers on many threads ask at the same time: while one batch is judged, the next gathers. The judge behind it
/// is called on one thread alone.
/// </summary>
public sealed class BatchingJudge : IPairJudge, IAsyncDisposable
{
    private readonly BatchWorker<AnswerPair, PairScore> worker;

    /// <summary>Starts to take requests.</summary>
    /// <param name="judge">Who judges; it stays in its owner's hands.</param>
    /// <param name="maxPairs">Pairs from which a batch takes no further request.</param>
    public BatchingJudge(IPairJudge judge, int maxPairs = 256) : this(judge, new BatchOptions { MaxItems = maxPairs }) { }

    /// <summary>Starts to take requests.</summary>
    /// <param name="judge">Who judges; it stays in its owner's hands.</param>
    /// <param name="options">How batches are gathered, and how many pairs may wait.</param>
    /// <param name="tokens">What a pair costs in tokens, for the options' budget.</param>
    /// <param name="judged">Told of every batch.</param>
    public BatchingJudge(IPairJudge judge, BatchOptions options, Func<AnswerPair, long>? tokens = null, Action<BatchReport>? judged = null) => worker = new(judge.ScoreAsync, options)
    {
        Cost = tokens ?? (_ => 0),
        IsCallers = error => error is GramException,
        Done = judged ?? (_ => { }),
    };

    /// <summary>Calls of the judge so far.</summary>
    public long Batches => worker.Batches;

    /// <summary>Pairs that wait for their batch.</summary>
    public int Waiting => worker.Waiting;

    /// <summary>Refuses where a request of one pair would be refused: before its pairs are known.</summary>
    /// <exception cref="OverloadedException">There is no room.</exception>
    public void CheckRoom() => worker.CheckRoom();

    /// <inheritdoc/>
    /// <exception cref="GramException">One of these pairs cannot be judged; other callers' requests are none the worse for it.</exception>
    /// <exception cref="OverloadedException">Too many pairs wait already.</exception>
    /// <exception cref="ObjectDisposedException">The judge takes no requests any more, or was disposed of before it came to this one.</exception>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) => worker.RunAsync(pairs, cancellationToken);

    /// <summary>Takes no more requests, and judges what waits.</summary>
    public Task CompleteAsync() => worker.CompleteAsync();

    /// <summary>Takes no more requests, ends the batch under way, and fails what waits.</summary>
    public ValueTask DisposeAsync() => worker.DisposeAsync();
}
