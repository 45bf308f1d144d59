using Gram.Models;

namespace Gram.Training.Batches;

/// <summary>
/// Deals out the examples of each optimiser step: every epoch is a new order of all of them, its last step short. Seed and
/// step say everything, so that a resumed run needs no more than these.
/// </summary>
/// <param name="count">Number of examples.</param>
/// <param name="examplesPerStep">Examples of an optimiser step.</param>
/// <param name="random">Draws the orders; owned.</param>
/// <param name="lengths">Tokens of each example, where steps are to be made of examples of like length; null = in the order drawn.</param>
public sealed class EpochSampler(int count, int examplesPerStep, RandomSource random, IReadOnlyList<int>? lengths = null)
{
    private const int MostSteps = 50; // whose examples are sorted together (transformers' mega_batch_mult)

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
            if (lengths is not null) GroupByLength(lengths);
        }
        var start = step % stepsPerEpoch * examplesPerStep;
        return new(order, start, Math.Min(examplesPerStep, count - start));
    }

    /// <summary>
    /// Sorts the examples of some steps together, longest first, and puts the longest of all into the first step, where it shows
    /// at once whether there is memory for it. Source: transformers' get_length_grouped_indices.
    /// </summary>
    private void GroupByLength(IReadOnlyList<int> lengths)
    {
        var together = examplesPerStep * Math.Clamp(count / (examplesPerStep * 4), 1, MostSteps);
        order = [.. order.Chunk(together).SelectMany(chunk => chunk.OrderByDescending(example => lengths[example]))];
        var longest = Enumerable.Range(0, (count + together - 1) / together).Select(chunk => chunk * together).MaxBy(at => lengths[order[at]]);
        (order[0], order[longest]) = (order[longest], order[0]);
    }
}
