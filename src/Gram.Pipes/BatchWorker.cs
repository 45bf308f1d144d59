using System.Diagnostics;
using System.Threading.Channels;

namespace Gram.Pipes;

/// <summary>
/// Does together what callers on many threads ask at the same time: while one batch is under way, the next gathers. The work is done on
/// one thread alone.
/// </summary>
/// <typeparam name="TItem">What is asked.</typeparam>
/// <typeparam name="TResult">What is answered, item by item.</typeparam>
public sealed class BatchWorker<TItem, TResult> : IAsyncDisposable
{
    /// <summary>Weight of the last batch in the mean pace.</summary>
    private const double PaceWeight = 0.2;

    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    private readonly Func<IReadOnlyList<TItem>, CancellationToken, ValueTask<IReadOnlyList<TResult>>> work;
    private readonly BatchOptions options;
    private readonly Channel<Request> requests = Channel.CreateUnbounded<Request>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private readonly Task worker;
    private long batches;
    private int waiting;
    private double itemsPerSecond;

    /// <summary>A caller's items, and where it waits for their results.</summary>
    private sealed record Request(IReadOnlyList<TItem> Items, long Cost, CancellationToken Cancelled)
    {
        public long Since { get; } = Stopwatch.GetTimestamp();
        public TaskCompletionSource<IReadOnlyList<TResult>> Results { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Starts to take requests.</summary>
    /// <param name="work">Gives the results of a batch's items, in their order.</param>
    /// <param name="options">How batches are gathered.</param>
    public BatchWorker(Func<IReadOnlyList<TItem>, CancellationToken, ValueTask<IReadOnlyList<TResult>>> work, BatchOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxItems, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxWaiting, 1);
        (this.work, this.options) = (work, options);
        worker = DeviceThread.RunAsync(WorkAsync);
    }

    /// <summary>What an item costs; called on the caller's thread.</summary>
    public Func<TItem, long> Cost { get; init; } = _ => 0;

    /// <summary>Whether an error is that of one caller's items: the requests of its batch are then done one by one.</summary>
    public Func<Exception, bool> IsCallers { get; init; } = _ => false;

    /// <summary>Told of every batch that was done.</summary>
    public Action<BatchReport> Done { get; init; } = _ => { };

    /// <summary>Batches so far.</summary>
    public long Batches => Volatile.Read(ref batches);

    /// <summary>Items that wait for their batch.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Refuses where a request of one item would be refused: before its items are known.</summary>
    /// <exception cref="OverloadedException">There is no room.</exception>
    public void CheckRoom()
    {
        if (Waiting >= options.MaxWaiting) throw new OverloadedException(RetryAfter);
    }

    /// <summary>The results of some items, in their order.</summary>
    /// <exception cref="OverloadedException">Too much waits already.</exception>
    /// <exception cref="ObjectDisposedException">The worker takes no requests any more.</exception>
    public async ValueTask<IReadOnlyList<TResult>> RunAsync(IReadOnlyList<TItem> items, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var request = new Request(items, items.Sum(Cost), cancellationToken);
        var all = Interlocked.Add(ref waiting, items.Count);
        if (all > options.MaxWaiting && all > items.Count) // one that is larger than all that may wait goes when nothing does
        {
            Interlocked.Add(ref waiting, -items.Count);
            throw new OverloadedException(RetryAfter);
        }
        if (!requests.Writer.TryWrite(request))
        {
            Interlocked.Add(ref waiting, -items.Count);
            throw new ObjectDisposedException(nameof(BatchWorker<,>));
        }
        return await request.Results.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Takes no more requests, and does what waits.</summary>
    public Task CompleteAsync()
    {
        requests.Writer.TryComplete();
        return worker;
    }

    /// <summary>Takes no more requests, ends the batch under way, and fails what waits.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested) return;
        requests.Writer.TryComplete();
        await stopping.CancelAsync();
        await worker;
        stopping.Dispose();
    }

    private TimeSpan RetryAfter
    {
        get
        {
            var pace = Volatile.Read(ref itemsPerSecond);
            var wait = TimeSpan.FromSeconds(pace > 0 ? Math.Min(Waiting / pace, LongestRetry.TotalSeconds) : 1);
            return wait < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : wait;
        }
    }

    private async Task<bool> WorkAsync()
    {
        while (true)
        {
            if (!await requests.Reader.WaitToReadAsync() || !requests.Reader.TryPeek(out var first)) return true;
            var batch = new List<Request>();
            var until = first.Since + (long)(options.Gather.TotalSeconds * Stopwatch.Frequency);
            while (!Fill(batch) && await MoreAsync(until)) { }
            if (batch.Count > 0) await DoAsync(batch);
        }
    }

    /// <summary>Takes what waits and fits; true where the batch can take no more.</summary>
    private bool Fill(List<Request> batch)
    {
        var (items, cost) = (batch.Sum(request => request.Items.Count), batch.Sum(request => request.Cost));
        while (requests.Reader.TryPeek(out var next))
        {
            if (items >= options.MaxItems || (batch.Count > 0 && cost + next.Cost > options.MaxCost)) return true;
            requests.Reader.TryRead(out _);
            Interlocked.Add(ref waiting, -next.Items.Count);
            if (next.Cancelled.IsCancellationRequested) continue;
            batch.Add(next);
            items += next.Items.Count;
            cost += next.Cost;
        }
        return items >= options.MaxItems || cost >= options.MaxCost;
    }

    /// <summary>Whether another request came in time.</summary>
    private async Task<bool> MoreAsync(long until)
    {
        var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), until);
        if (left <= TimeSpan.Zero) return false;
        using var timeout = new CancellationTokenSource(left);
        try
        {
            return await requests.Reader.WaitToReadAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task DoAsync(List<Request> batch)
    {
        try
        {
            Interlocked.Increment(ref batches);
            var start = Stopwatch.GetTimestamp();
            var results = await work([.. batch.SelectMany(request => request.Items)], stopping.Token);
            var asked = batch.Sum(request => request.Items.Count);
            if (results.Count != asked) throw new InvalidOperationException($"a batch of {asked} items got {results.Count} results");
            Report(batch, results.Count, start);
            var done = 0;
            foreach (var request in batch)
            {
                request.Results.SetResult([.. results.Skip(done).Take(request.Items.Count)]);
                done += request.Items.Count;
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            foreach (var request in batch) request.Results.SetException(new ObjectDisposedException(nameof(BatchWorker<,>)));
        }
        catch (Exception error) when (batch.Count > 1 && IsCallers(error))
        {
            // One caller's item cannot be done, a question that is too long, say: only that caller shall hear of it.
            foreach (var request in batch) await DoAsync([request]);
        }
        catch (Exception error)
        {
            foreach (var request in batch) request.Results.SetException(error);
        }
    }

    private void Report(List<Request> batch, int items, long start)
    {
        var took = Stopwatch.GetElapsedTime(start);
        var pace = items / Math.Max(took.TotalSeconds, 1e-6);
        Volatile.Write(ref itemsPerSecond, itemsPerSecond == 0 ? pace : ((1 - PaceWeight) * itemsPerSecond) + (PaceWeight * pace));
        Done(new BatchReport(batch.Count, items, batch.Sum(request => request.Cost), Stopwatch.GetElapsedTime(batch.Min(request => request.Since), start), took));
    }
}
