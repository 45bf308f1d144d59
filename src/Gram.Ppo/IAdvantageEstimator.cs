namespace Gram.Ppo;

/// <summary>
/// Advantages of a query's samples, compared with one another: what takes the place of RLOO's or GRPO's formula
/// (<see cref="PpoRun.Estimator"/>). With <c>advantage: rloo</c> it is given r − β·Σ kl, with <c>grpo</c> the rewards alone, the KL term being in the loss.
/// </summary>
public interface IAdvantageEstimator
{
    /// <summary>The advantage of each response, the same on all of its tokens.</summary>
    /// <param name="rewards">Of each response.</param>
    /// <param name="queries">The query of each; every query has at least two.</param>
    double[] Estimate(IReadOnlyList<double> rewards, IReadOnlyList<int> queries);
}
