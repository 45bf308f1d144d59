using Gram.Ppo.Rewards;

namespace Gram.Examples.RewardPlugin;

/// <summary>Minus the share of words that a response has said before: a policy that repeats itself earns less.</summary>
public sealed class RepetitionReward : IReward
{
    /// <inheritdoc/>
    public string Name => "repetition";

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default) =>
        new([.. responses.Select(response => -RepeatedShare(response.Response))]);

    private static double RepeatedShare(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 0 ? 0 : 1 - ((double)words.Distinct(StringComparer.OrdinalIgnoreCase).Count() / words.Length);
    }
}
