using Gram.Ppo;
using Gram.Reward.Data;

namespace Gram.Rl.Tests;

/// <summary>A gold measure of one's own: whether an answer speaks of a refund.</summary>
public sealed class NamesARefund : IGoldMeasure
{
    /// <inheritdoc/>
    public double Score(Prompt prompt, string response) => response.Contains("refund", StringComparison.OrdinalIgnoreCase) ? 1 : 0;
}
