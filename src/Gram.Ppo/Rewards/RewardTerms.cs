using System.Text.RegularExpressions;
using Gram.Models;
using Gram.Training.Plugins;

namespace Gram.Ppo.Rewards;

/// <summary>The terms of a run's reward beside the judge, as its options name them.</summary>
public sealed partial class RewardTerms : IDisposable
{
    private static readonly (string Name, string Where)[] Possible =
    [
        (LengthPenalty.TermName, "where it has a weight"), (Distinct2.TermName, "where it has a weight"), (MeanLength.TermName, "with length_target"),
    ];

    private readonly List<IReward> made = [];

    private RewardTerms(IReadOnlyList<IReward> own) => All = own;

    /// <summary>The terms, with different names.</summary>
    public IReadOnlyList<IReward> All { get; private set; }

    /// <summary>Makes the terms: the length penalty and distinct-2 where they have a weight, the mean length where it has a target, those that are given, plug-ins, servers.</summary>
    /// <param name="options">The run's.</param>
    /// <param name="own">Terms of the caller's, who disposes them.</param>
    /// <exception cref="GramException">A plug-in cannot be loaded, an address or a name is none, or a weight is of no term.</exception>
    public static RewardTerms Of(PpoOptions options, IReadOnlyList<IReward> own)
    {
        var terms = new RewardTerms(own);
        try
        {
            terms.Make(options);
            return terms;
        }
        catch
        {
            terms.Dispose();
            throw;
        }
    }

    /// <summary>Disposes the terms that were made here.</summary>
    public void Dispose()
    {
        foreach (var term in made.OfType<IDisposable>()) term.Dispose();
    }

    private void Make(PpoOptions options)
    {
        var weights = new RewardWeights(options.RewardWeights);
        if (weights.Names.Contains(LengthPenalty.TermName)) made.Add(new LengthPenalty(options.LengthPenaltyFrom, options.MaxNewTokens));
        if (weights.Names.Contains(Distinct2.TermName)) made.Add(new Distinct2());
        if (options.LengthTarget > 0) made.Add(new MeanLength(options.LengthTarget));
        foreach (var path in options.RewardPlugins) made.AddRange(PluginAssembly.Create(path, "reward_plugins", typeof(IReward).FullName!, typeof(IReward).IsAssignableFrom).Cast<IReward>());
        foreach (var server in options.RewardServers) made.Add(ServerOf(server, options));
        All = [.. All, .. made];

        string[] names = [RewardWeights.Judge, .. All.Select(term => term.Name)];
        if (names.FirstOrDefault(name => !Name().IsMatch(name)) is { } odd) throw new GramException($"a reward term is called '{odd}': a name has letters, digits and _ only");
        if (names.GroupBy(name => name).FirstOrDefault(same => same.Count() > 1) is { } twice) throw new GramException($"two reward terms are called {twice.Key}: give one another name (a server as NAME=URL in reward_servers)");
        if (weights.Names.Except(names).FirstOrDefault() is { } unknown) throw new GramException($"reward_weights: there is no term {unknown}; this run has {string.Join(", ", names)}{string.Concat(Possible.Where(term => !names.Contains(term.Name)).Select(term => $", and {term.Name} {term.Where}"))}");
    }

    /// <summary>A server from its address, or from NAME=ADDRESS.</summary>
    private static RewardServer ServerOf(string text, PpoOptions options)
    {
        var match = Server().Match(text);
        if (!match.Success || !Uri.TryCreate(match.Groups["address"].Value, UriKind.Absolute, out var address))
            throw new GramException($"reward_servers: '{text}' is no address: write for instance http://127.0.0.1:5000/get_reward, or NAME=ADDRESS");
        var name = match.Groups["name"] is { Success: true } named ? named.Value : RewardServer.TermName;
        return new RewardServer(name, address, TimeSpan.FromSeconds(options.RewardServerTimeout), options.RewardServerRetries);
    }

    [GeneratedRegex(@"^\w+$")]
    private static partial Regex Name();

    [GeneratedRegex(@"^((?<name>\w+)=)?(?<address>https?://.+)$")]
    private static partial Regex Server();
}
