using Gram.Reward.Judging;

namespace Gram.Reward.Serving;

/// <summary>A judge in memory, with what a server asks of it beside scores.</summary>
/// <param name="Judge">The judge.</param>
/// <param name="Config">Its prompt, labels and template.</param>
public sealed record LoadedJudge(IPairJudge Judge, GramConfig Config) : IDisposable
{
    /// <summary>All that its scores depend on beside the pairs, in a short text; empty where nothing is known.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>What a pair costs, in tokens.</summary>
    public Func<AnswerPair, long> TokensOf { get; init; } = _ => 0;

    /// <summary>Tokens so far that it need not compute because earlier pairs began with them.</summary>
    public Func<long> ReusedTokens { get; init; } = () => 0;

    /// <summary>Pairs so far whose answers had to be shortened to fit.</summary>
    public Func<long> Shortened { get; init; } = () => 0;

    /// <summary>A GRAM judge, which goes with it.</summary>
    public static LoadedJudge Of(GramJudge judge) => new(judge, judge.Config)
    {
        TokensOf = judge.TokensOf,
        ReusedTokens = () => judge.ReusedTokens,
        Shortened = () => judge.Shortened,
    };

    /// <summary>Disposes of the judge, where it can be.</summary>
    public void Dispose() => (Judge as IDisposable)?.Dispose();
}
