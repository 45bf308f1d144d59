using Gram.Models;
using Gram.Reward.Judging;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Reward.Serving;

/// <summary>Adds a judge to an application.</summary>
public static class GramJudgeServices
{
    /// <summary>
    /// Adds an <see cref="IPairJudge"/> over a GRAM checkpoint. It is loaded, and downloaded where need be, as the application starts;
    /// concurrent requests are judged in batches.
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
        return services.AddSingleton(_ => new GramJudgeService(options))
            .AddSingleton<IPairJudge>(provider => provider.GetRequiredService<GramJudgeService>())
            .AddHostedService(provider => provider.GetRequiredService<GramJudgeService>());
    }
}
