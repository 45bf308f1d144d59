using Gram.Models;
using Gram.Models.Checkpoints.Hub;
using Gram.Models.Native;
using Gram.Models.Speed;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Reward.Judging;
using Gram.Training.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using static TorchSharp.torch;

namespace Gram.Reward.Serving;

/// <summary>Adds a judge to an application.</summary>
public static class GramJudgeServices
{
    /// <summary>
    /// Adds an <see cref="IPairJudge"/> over a GRAM checkpoint. It is loaded, and downloaded where need be, as the application starts;
    /// concurrent requests are judged in batches. <see cref="ServedJudge"/> is the same judge, for whoever reloads it. Options that are
    /// wrong stop the start.
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
    public static IServiceCollection AddGramJudge(this IServiceCollection services, Action<GramJudgeOptions> configure) => services.AddGramJudge(_ =>
    {
        var options = new GramJudgeOptions();
        configure(options);
        return options;
    });

    /// <summary>The same, all of it from a section of the configuration, in the keys of <c>gram serve</c>: reward_model, device, dtype, max_batch_pairs, …</summary>
    public static IServiceCollection AddGramJudge(this IServiceCollection services, IConfiguration section) => services.AddGramJudge(_ =>
    {
        var compute = OptionSection.Get<ComputeOptions>(section, typeof(GramJudgeOptions));
        return OptionSection.Get<GramJudgeOptions>(section, typeof(ComputeOptions)) with { Device = compute.Choose(), DType = compute.NamedDType };
    });

    private static IServiceCollection AddGramJudge(this IServiceCollection services, Func<IServiceProvider, GramJudgeOptions> make) => services
        .AddRecord(make)
        .AddSingleton(provider =>
        {
            var options = provider.GetRequiredService<IOptions<GramJudgeOptions>>().Value;
            return new ServedJudge(_ => LoadAsync(options), new BatchOptions { MaxItems = options.MaxPairs, MaxCost = options.MaxBatchTokens, Gather = TimeSpan.FromMilliseconds(options.GatherMs), MaxWaiting = options.MaxWaitingPairs });
        })
        .AddSingleton<IPairJudge>(provider => provider.GetRequiredService<ServedJudge>())
        .AddHostedService(provider => provider.GetRequiredService<ServedJudge>());

    private static async Task<LoadedJudge> LoadAsync(GramJudgeOptions options)
    {
        Libtorch.Load();
        var source = new ModelSource();
        var directory = await source.ResolveAsync(options.Model);
        var location = ModelLocation.Of(directory, options.Adapter is { } adapter ? await source.ResolveAsync(adapter) : null);
        var device = options.Device ?? CPU;
        var dtype = options.DType ?? DTypeChoice.On(device).For(Workload.Scoring);
        var quantize = options.QuantizationBit is not null;
        var judge = GramJudge.Load(location, dtype, device, options.BatchTokens, quantize, (long)options.PrefixCacheMb << 20);
        return LoadedJudge.Of(judge) with { Fingerprint = JudgeFingerprint.Of(location, judge.Config, dtype, quantize) };
    }
}
