namespace Gram.Ppo.Rewards;

/// <summary>
/// A price on length: 0 up to <paramref name="from"/> tokens, then falling evenly to −1 at <paramref name="most"/>; with a high
/// <paramref name="from"/> it is DAPO's soft overlong punishment (Yu et al. 2025, arXiv 2503.14476, eq. 13).
/// </summary>
/// <param name="from">Tokens that cost nothing.</param>
/// <param name="most">Tokens of the longest response, more than <paramref name="from"/>.</param>
public sealed class LengthPenalty(int from, int most) : IReward
{
    /// <summary>Its name among the terms.</summary>
    public const string TermName = "length";

    /// <inheritdoc/>
    public string Name => TermName;

    /// <summary>−(tokens − from)/(most − from), between −1 and 0.</summary>
    public double Of(int tokens) => Math.Clamp((double)(from - tokens) / (most - from), -1, 0);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default) =>
        new([.. responses.Select(response => Of(response.Tokens))]);
}
