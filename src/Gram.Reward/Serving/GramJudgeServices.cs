using Gram.Models;
using Gram.Models.Checkpoints.Hub;
using Gram.Models.Native;
using Gram.Models.Speed;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Reward.Judging;
using Microsoft.Extensions.DependencyInjection;
using static TorchSharp.torch;

namespace Gram.Reward.Serving;

/// <summary>Adds a judge to an application.</summary>
public static class GramJudgeServices
{
    /// <summary>
    /// Adds an <see cref="IPairJudge"/> over a GRAM checkpoint. It is loaded, and downloaded where need be, as the application starts;
    /// concurrent requests are judged in batches. <see cref="ServedJudge"/> is the same judge, for whoever reloads it.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="model">A Hugging Face directory or a hub id.</param>
    /// <param name="configure">Sets the rest.</param>
    public static IServiceCollection AddGramJudge(this IServiceCollection services, string model, Action<GramJudgeOptions>? configure = null) =>
        services.AddGramJudge(options =>
        {
            options.Model = model;
            configure?.Invoke(options);
        });

    /// <summary>The same, all of it set by <paramref name="configure"/>.</summary>
    /// <exception cref="GramException">No model is named.</exception>
    public static IServiceCollection AddGramJudge(this IServiceCollection services, Action<GramJudgeOptions> configure)
    {
        var options = new GramJudgeOptions();
        configure(options);
        if (string.IsNullOrWhiteSpace(options.Model)) throw new GramException("AddGramJudge needs a model: a GRAM checkpoint's directory or hub id");
        var batches = new BatchOptions { MaxItems = options.MaxPairs, MaxCost = options.MaxBatchTokens, Gather = options.Gather, MaxWaiting = options.MaxWaitingPairs };
        return services.AddSingleton(_ => new ServedJudge(_ => LoadAsync(options), batches))
            .AddSingleton<IPairJudge>(provider => provider.GetRequiredService<ServedJudge>())
            .AddHostedService(provider => provider.GetRequiredService<ServedJudge>());
    }

    private static async Task<LoadedJudge> LoadAsync(GramJudgeOptions options)
    {
        Libtorch.Load();
        var source = new ModelSource();
        var directory = await source.ResolveAsync(options.Model);
        var location = ModelLocation.Of(directory, options.Adapter is { } adapter ? await source.ResolveAsync(adapter) : null);
        var device = options.Device ?? CPU;
        var dtype = options.DType ?? DTypeChoice.On(device).For(Workload.Scoring);
        var judge = GramJudge.Load(location, dtype, device, options.BatchTokens, options.Quantize, options.PrefixCacheBytes);
        return LoadedJudge.Of(judge) with { Fingerprint = JudgeFingerprint.Of(location, judge.Config, dtype, options.Quantize) };
    }
}
