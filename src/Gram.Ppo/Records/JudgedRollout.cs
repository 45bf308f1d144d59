namespace Gram.Ppo.Records;

/// <summary>All that rewards and advantages are made of.</summary>
/// <param name="Scores">The responses with their log-probs and values; owned.</param>
/// <param name="Judgement">What the judge, and the reward's other terms, say of them.</param>
public sealed record JudgedRollout(ScoredRollout Scores, Judgement Judgement) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Scores.Dispose();
}
