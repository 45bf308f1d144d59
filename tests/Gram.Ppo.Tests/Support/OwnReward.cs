using Gram.Ppo.Rewards;

namespace Gram.Ppo.Tests.Support;

/// <summary>A term of the reward from a function of a response.</summary>
internal sealed class OwnReward(string name, Func<RewardRequest, double> reward) : IReward
{
    public string Name => name;

    /// <summary>What it was asked, a list for each call.</summary>
    public List<IReadOnlyList<RewardRequest>> Asked { get; } = [];

    public ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default)
    {
        Asked.Add(responses);
        return new([.. responses.Select(reward)]);
    }
}
