using Gram.Models;

namespace Gram.Training.Batches;

/// <summary>
/// Deals out the examples of each optimiser step: every epoch is a new order of all of them, its last step short. Seed and
/// step say everything, so that a resumed run needs no more than these.
/// </summary>
/// <param name="count">Number of examples.</param>
/// <param name="examplesPerStep">Examples of an optimiser step.</param>
/// <param name="random">Draws the orders; owned.</param>
public sealed class EpochSampler(int count, int examplesPerStep, RandomSource random)
{
    private readonly int stepsPerEpoch = (count + examplesPerStep - 1) / examplesPerStep;
    private int epoch = -1;
    private int[] order = [];

    /// <summary>Indices of the examples of a step (0-based); steps are asked for in order, from any first one on.</summary>
    public ArraySegment<int> At(int step)
    {
        while (epoch < step / stepsPerEpoch)
        {
            var draws = random.Fork();
            if (++epoch < step / stepsPerEpoch) continue;
            order = [.. Enumerable.Range(0, count)];
            draws.Shuffle(order);
        }
        var start = step % stepsPerEpoch * examplesPerStep;
        return new(order, start, Math.Min(examplesPerStep, count - start));
    }
}
