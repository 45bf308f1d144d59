namespace Gram.Ppo.Records;

/// <summary>What a term of the reward, the judge apart, says of a rollout.</summary>
/// <param name="Name">The term's name.</param>
/// <param name="Rewards">By row, before the weight.</param>
/// <param name="OfReferences">By row, of the response that it was judged against; empty where no estimator needs it.</param>
public sealed record TermRewards(string Name, IReadOnlyList<double> Rewards, IReadOnlyList<double> OfReferences)
{
    /// <summary>Seconds from asking the term until it answered.</summary>
    public double Seconds { get; init; }
}
