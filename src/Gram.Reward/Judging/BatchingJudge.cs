using System.Threading.Channels;
using Gram.Models;
using Gram.Pipes;

namespace Gram.Reward.Judging;

/// <summary>
/// Judges together what callers on many threads ask at the same time: while one batch is judged, the next gathers. The judge behind it
/// is called on one thread alone.
/// </summary>
public sealed class BatchingJudge : IPairJudge, IAsyncDisposable
{
    /// <summary>Requests that wait before a caller has to.</summary>
    private const int WaitingRequests = 1024;

    private readonly IPairJudge judge;
    private readonly int maxPairs;
    private readonly Channel<Request> requests = Channel.CreateBounded<Request>(new BoundedChannelOptions(WaitingRequests) { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private readonly Task worker;
    private long batches;

    /// <summary>A caller's pairs, and where it waits for their scores.</summary>
    private sealed record Request(IReadOnlyList<AnswerPair> Pairs, CancellationToken Cancelled)
    {
        public TaskCompletionSource<IReadOnlyList<PairScore>> Scores { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Starts to take requests.</summary>
    /// <param name="judge">Who judges; it stays in its owner's hands.</param>
    /// <param name="maxPairs">Pairs from which a batch takes no further request.</param>
    public BatchingJudge(IPairJudge judge, int maxPairs = 256)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPairs, 1);
        (this.judge, this.maxPairs) = (judge, maxPairs);
        worker = DeviceThread.RunAsync(WorkAsync);
    }

    /// <summary>Calls of the judge so far.</summary>
    public long Batches => Volatile.Read(ref batches);

    /// <inheritdoc/>
    /// <exception cref="GramException">One of these pairs cannot be judged; other callers' requests are none the worse for it.</exception>
    /// <exception cref="ObjectDisposedException">The judge was disposed of before it came to the request.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var request = new Request(pairs, cancellationToken);
        try
        {
            await requests.Writer.WriteAsync(request, cancellationToken);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(BatchingJudge));
        }
        return await request.Scores.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Takes no more requests, ends the batch under way, and fails what waits.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!requests.Writer.TryComplete()) return;
        await stopping.CancelAsync();
        await worker;
        stopping.Dispose();
    }

    private async Task<bool> WorkAsync()
    {
        while (await requests.Reader.WaitToReadAsync())
        {
            var (batch, pairs) = (new List<Request>(), 0);
            while (pairs < maxPairs && requests.Reader.TryRead(out var request))
            {
                if (request.Cancelled.IsCancellationRequested) continue;
                batch.Add(request);
                pairs += request.Pairs.Count;
            }
            if (batch.Count > 0) await JudgeAsync(batch);
        }
        return true;
    }

    private async Task JudgeAsync(List<Request> batch)
    {
        try
        {
            Interlocked.Increment(ref batches);
            var scores = await judge.ScoreAsync([.. batch.SelectMany(request => request.Pairs)], stopping.Token);
            var done = 0;
            foreach (var request in batch)
            {
                request.Scores.SetResult([.. scores.Skip(done).Take(request.Pairs.Count)]);
                done += request.Pairs.Count;
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            foreach (var request in batch) request.Scores.SetException(new ObjectDisposedException(nameof(BatchingJudge)));
        }
        catch (GramException) when (batch.Count > 1)
        {
            // One caller's pair cannot be judged, a question that is too long, say: only that caller shall hear of it.
            foreach (var request in batch) await JudgeAsync([request]);
        }
        catch (Exception error)
        {
            foreach (var request in batch) request.Scores.SetException(error);
        }
    }
}
