using Gram.Models;
using Gram.Pipes;
using Gram.Reward.Judging;
using Microsoft.Extensions.Hosting;

namespace Gram.Reward.Serving;

/// <summary>
/// An application's judge: loaded with it, gone with it, replaced while it goes on (<see cref="ReloadAsync"/>). Concurrent requests are
/// judged in batches.
/// </summary>
/// <param name="load">Loads the judge; called at the start, and again for every reload.</param>
/// <param name="batches">How requests are gathered, and how many pairs may wait.</param>
public sealed class ServedJudge(Func<CancellationToken, Task<LoadedJudge>> load, BatchOptions batches) : IPairJudge, IHostedService, IAsyncDisposable, IDisposable
{
    private readonly SemaphoreSlim turn = new(1, 1);
    private readonly Lock counting = new();
    private readonly List<LoadedJudge> counted = []; // the judge, and the one that it replaces until that has ended
    private long reusedBefore, shortenedBefore; // by judges that are gone
    private volatile Life? current;
    private volatile bool disposed;

    /// <summary>A judge from its loading until it is replaced.</summary>
    private sealed record Life(LoadedJudge Loaded, BatchingJudge Batches);

    /// <summary>Told of every batch.</summary>
    public event Action<BatchReport>? Judged;

    /// <summary>Told of every reload: whether it succeeded.</summary>
    public event Action<bool>? Reloaded;

    /// <summary>Whether a judge is loaded.</summary>
    public bool IsReady => current is not null && !disposed;

    /// <summary>Prompt, labels and template of the judge; null before one is loaded.</summary>
    public GramConfig? Config => current?.Loaded.Config;

    /// <summary>All that its scores depend on beside the pairs, in a short text; empty where nothing is known.</summary>
    public string Fingerprint => current?.Loaded.Fingerprint ?? "";

    /// <summary>Pairs that wait for their batch.</summary>
    public int Waiting => current?.Batches.Waiting ?? 0;

    /// <summary>Tokens so far that were not computed because earlier pairs began with them.</summary>
    public long ReusedTokens
    {
        get
        {
            lock (counting) return reusedBefore + counted.Sum(judge => judge.ReusedTokens());
        }
    }

    /// <summary>Pairs so far whose answers had to be shortened to fit.</summary>
    public long Shortened
    {
        get
        {
            lock (counting) return shortenedBefore + counted.Sum(judge => judge.Shortened());
        }
    }

    /// <summary>What a pair costs, in tokens.</summary>
    public long TokensOf(AnswerPair pair) => current?.Loaded.TokensOf(pair) ?? 0;

    /// <summary>Refuses where a request of one pair would be refused: before its pairs are known.</summary>
    /// <exception cref="OverloadedException">There is no room.</exception>
    public void CheckRoom() => current?.Batches.CheckRoom();

    /// <inheritdoc/>
    /// <exception cref="GramException">One of these pairs cannot be judged, or there is no judge and none can be loaded.</exception>
    /// <exception cref="OverloadedException">Too many pairs wait already.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (current is null) await LoadAsync(onlyFirst: true).WaitAsync(cancellationToken);
            var life = current;
            ObjectDisposedException.ThrowIf(life is null, this);
            try
            {
                return await life.Batches.ScoreAsync(pairs, cancellationToken);
            }
            catch (ObjectDisposedException) when (!disposed && life != current)
            {
                // It was replaced meanwhile: the new one judges.
            }
        }
    }

    /// <summary>Loads the judge anew. Until it is there the old one judges, which then ends what it has begun; where loading fails it stays.</summary>
    /// <exception cref="GramException">It cannot be loaded.</exception>
    public Task ReloadAsync(CancellationToken cancellationToken = default) => LoadAnewAsync().WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => LoadAsync(onlyFirst: true).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask; // requests under way may still ask; disposing follows

    /// <summary>Takes no more requests, ends the batch under way, and fails what waits.</summary>
    public async ValueTask DisposeAsync()
    {
        disposed = true;
        await turn.WaitAsync();
        try
        {
            if (current is not { } last) return;
            current = null;
            await EndAsync(last);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <inheritdoc cref="DisposeAsync"/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task LoadAnewAsync()
    {
        try
        {
            await LoadAsync(onlyFirst: false);
        }
        catch (Exception error) when (error is not ObjectDisposedException)
        {
            Reloaded?.Invoke(false);
            throw;
        }
        Reloaded?.Invoke(true);
    }

    private async Task LoadAsync(bool onlyFirst)
    {
        await turn.WaitAsync();
        try
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (onlyFirst && current is not null) return;
            var loaded = await Task.Run(() => load(CancellationToken.None));
            lock (counting) counted.Add(loaded);
            var before = current;
            current = new Life(loaded, new BatchingJudge(loaded.Judge, batches, loaded.TokensOf, report => Judged?.Invoke(report)));
            if (before is null) return;
            await before.Batches.CompleteAsync();
            await EndAsync(before);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task EndAsync(Life life)
    {
        await life.Batches.DisposeAsync();
        lock (counting)
        {
            reusedBefore += life.Loaded.ReusedTokens();
            shortenedBefore += life.Loaded.Shortened();
            counted.Remove(life.Loaded);
        }
        life.Loaded.Dispose();
    }
}
