using Gram.Pipes.Events;
using Gram.Ppo.Events;
using Gram.Training.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gram.Ppo;

/// <summary>Adds PPO to an application.</summary>
public static class PpoServices
{
    /// <summary>
    /// Adds a <see cref="PpoRunner"/> over the application's <see cref="Reward.Judging.IPairJudge"/>, with the keys of <c>gram ppo</c> (device and
    /// dtype among them), and the run's events. Every <see cref="Rewards.IReward"/> of the services is a term of the reward. Wrong options stop the start.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="section">The section with the keys.</param>
    /// <param name="configure">What code changes in them.</param>
    public static IServiceCollection AddGramPpo(this IServiceCollection services, IConfiguration section, Func<PpoOptions, PpoOptions>? configure = null) => services.AddGramPpo(
        () => Configured(OptionSection.Get<PpoOptions>(section, typeof(ComputeOptions)), configure), () => OptionSection.Get<ComputeOptions>(section, typeof(PpoOptions)));

    /// <summary>The same, set in code.</summary>
    public static IServiceCollection AddGramPpo(this IServiceCollection services, PpoOptions options, ComputeOptions? compute = null) => services.AddGramPpo(() => options, () => compute ?? new());

    /// <summary>Where a run publishes and who subscribes: events of the run's kinds, unless the application has events already.</summary>
    public static IServiceCollection AddPpoEvents(this IServiceCollection services)
    {
        if (services.All(service => service.ServiceType != typeof(IPublisher<>))) services.AddEvents();
        services.TryAddSingleton<PpoEvents>();
        return services;
    }

    private static IServiceCollection AddGramPpo(this IServiceCollection services, Func<PpoOptions> options, Func<ComputeOptions> compute)
    {
        services.AddRecord(_ => options()).AddRecord(_ => compute()).AddPpoEvents();
        services.TryAddSingleton<PpoRunner>();
        return services;
    }

    private static PpoOptions Configured(PpoOptions options, Func<PpoOptions, PpoOptions>? configure) => configure?.Invoke(options) ?? options;
}
