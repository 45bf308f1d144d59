using Gram.BestOfN;
using Gram.Models;
using Gram.Ppo;
using Gram.Reward.Serving;
using Gram.Training.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Rl;

/// <summary>Adds what a section of the configuration sets up to an application.</summary>
public static class GramRlServices
{
    /// <summary>Section of the judge, with the keys of <c>gram serve</c>.</summary>
    public const string Judge = "judge";

    /// <summary>Section of PPO, with the keys of <c>gram ppo</c>.</summary>
    public const string Ppo = "ppo";

    /// <summary>Section of best-of-n, with the keys of <c>gram rerank</c>.</summary>
    public const string BestOfN = "best_of_n";

    private static readonly string[] Sections = [Judge, Ppo, BestOfN];

    /// <summary>
    /// Adds a judge, PPO and best-of-n, each where the section has a part for it: <c>judge</c> (<see cref="GramJudgeServices"/>; without it the
    /// application brings an <see cref="Reward.Judging.IPairJudge"/> of its own), <c>ppo</c> (<see cref="PpoServices"/>), <c>best_of_n</c>
    /// (<see cref="BestOfNServices"/>). Wrong values stop the start, with a line that says what, where and what is accepted.
    /// </summary>
    /// <exception cref="GramException">The section has another part.</exception>
    public static IServiceCollection AddGramRl(this IServiceCollection services, IConfigurationSection section)
    {
        if (section.GetChildren().FirstOrDefault(part => !Sections.Contains(part.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
            throw new GramException($"{section.Path}: unknown part '{unknown.Key}'; the nearest known one is '{NearestName.Of(unknown.Key, Sections)}' (there are {string.Join(", ", Sections)})");
        if (section.GetSection(Judge) is { } judge && judge.Exists()) services.AddGramJudge(judge);
        if (section.GetSection(Ppo) is { } ppo && ppo.Exists()) services.AddGramPpo(ppo);
        if (section.GetSection(BestOfN) is { } bestOfN && bestOfN.Exists()) services.AddGramBestOfN(bestOfN);
        return services;
    }
}
