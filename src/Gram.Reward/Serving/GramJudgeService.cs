using Gram.Models.Checkpoints.Hub;
using Gram.Models.Native;
using Gram.Models.Speed;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using Microsoft.Extensions.Hosting;
using static TorchSharp.torch;

namespace Gram.Reward.Serving;

/// <summary>An application's judge: loaded with it, gone with it.</summary>
internal sealed class GramJudgeService(GramJudgeOptions options) : IPairJudge, IHostedService, IAsyncDisposable, IDisposable
{
    private readonly Lock gate = new();
    private Task<(GramJudge Model, BatchingJudge Batches)>? loading;

    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var (_, batches) = await Load().WaitAsync(cancellationToken);
        return await batches.ScoreAsync(pairs, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Load().WaitAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask; // requests under way may still ask; disposing follows

    public async ValueTask DisposeAsync()
    {
        Task<(GramJudge Model, BatchingJudge Batches)>? loaded;
        lock (gate) (loaded, loading) = (loading, Task.FromException<(GramJudge, BatchingJudge)>(new ObjectDisposedException(nameof(GramJudgeService))));
        await Task.WhenAny(loaded ?? Task.CompletedTask);
        if (loaded is not { IsCompletedSuccessfully: true }) return;
        await loaded.Result.Batches.DisposeAsync();
        loaded.Result.Model.Dispose();
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private Task<(GramJudge Model, BatchingJudge Batches)> Load()
    {
        lock (gate) return loading ??= Task.Run(LoadAsync);
    }

    private async Task<(GramJudge Model, BatchingJudge Batches)> LoadAsync()
    {
        Libtorch.Load();
        var source = new ModelSource();
        var directory = await source.ResolveAsync(options.Model);
        var location = ModelLocation.Of(directory, options.Adapter is { } adapter ? await source.ResolveAsync(adapter) : null);
        var device = options.Device ?? CPU;
        var dtype = options.DType ?? DTypeChoice.On(device).For(Workload.Scoring);
        var judge = GramJudge.Load(location, dtype, device, options.BatchTokens, options.Quantize);
        return (judge, new BatchingJudge(judge, options.MaxPairs));
    }
}
