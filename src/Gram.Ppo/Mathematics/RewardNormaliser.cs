namespace Gram.Ppo.Mathematics;

/// <summary>
/// Divides rewards by the root mean square of all rewards of the run so far, these included. No shift: a tie stays at 0.
/// </summary>
public sealed class RewardNormaliser
{
    /// <summary>Rewards seen; saved in checkpoints.</summary>
    public long Count { get; set; }

    /// <summary>Sum of their squares; saved in checkpoints.</summary>
    public double SumOfSquares { get; set; }

    /// <summary>The root mean square; 1 while it is 0.</summary>
    public double Scale => SumOfSquares > 0 ? Math.Sqrt(SumOfSquares / Count) : 1;

    /// <summary>Takes in a step's rewards. Call before dividing by <see cref="Scale"/>.</summary>
    public void Update(IReadOnlyCollection<double> rewards)
    {
        Count += rewards.Count;
        SumOfSquares += rewards.Sum(reward => reward * reward);
    }
}
