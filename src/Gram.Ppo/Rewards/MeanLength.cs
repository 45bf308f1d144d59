namespace Gram.Ppo.Rewards;

/// <summary>
/// Holds the mean length m of a step's samples at a target L, and leaves each of them as long as it likes: response i of n tokens gets
/// −(m − L)(nᵢ − L)/L², whose policy gradient is that of −½((m − L)/L)². A price on each response's length shortens all of them as long as the judge
/// has said little; this one is 0 where the mean is right.
/// </summary>
/// <param name="target">L, in tokens, more than 0.</param>
public sealed class MeanLength(int target) : IReward
{
    /// <summary>Its name among the terms.</summary>
    public const string TermName = "mean_length";

    /// <inheritdoc/>
    public string Name => TermName;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default)
    {
        var excess = Excess(responses.Where(response => !response.IsReference).Average(response => response.Tokens));
        return new([.. responses.Select(response => -excess * Excess(response.Tokens))]);
    }

    private double Excess(double tokens) => (tokens - target) / target;
}
