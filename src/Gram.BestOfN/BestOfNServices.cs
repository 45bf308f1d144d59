using Gram.Training.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Gram.BestOfN;

/// <summary>Adds best-of-n to an application.</summary>
public static class BestOfNServices
{
    /// <summary>Adds an <see cref="AnswerRanker"/> over the application's <see cref="Reward.Judging.IPairJudge"/>, with the keys of <c>gram rerank</c>: method, confidence. Wrong ones stop the start.</summary>
    public static IServiceCollection AddGramBestOfN(this IServiceCollection services, IConfiguration section) => services.AddGramBestOfN(_ => OptionSection.Get<TournamentOptions>(section));

    /// <summary>The same, set in code.</summary>
    public static IServiceCollection AddGramBestOfN(this IServiceCollection services, TournamentOptions? options = null) => services.AddGramBestOfN(_ => options ?? new());

    private static IServiceCollection AddGramBestOfN(this IServiceCollection services, Func<IServiceProvider, TournamentOptions> make)
    {
        services.AddRecord(make);
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<TournamentOptions>>().Value.Create());
        services.TryAddSingleton<AnswerRanker>();
        return services;
    }
}
