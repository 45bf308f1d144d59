namespace Gram.Training.Batches;

/// <summary>Which examples share a row. Source: LLaMA-Factory's greedy_knapsack and its packed data set, which packs so many examples at a time.</summary>
public static class GreedyKnapsack
{
    private const int Together = 1000; // LLaMA-Factory's preprocessing_batch_size

    /// <summary>Rows of indices: each takes the longest example that still fits, of equal ones the last, until none does.</summary>
    /// <param name="lengths">Tokens of each example, none above the capacity.</param>
    /// <param name="capacity">Most tokens of a row.</param>
    public static IReadOnlyList<int[]> Pack(IReadOnlyList<int> lengths, int capacity) =>
        [.. Enumerable.Range(0, lengths.Count).Chunk(Together).SelectMany(chunk => PackTogether(chunk, lengths, capacity))];

    private static IEnumerable<int[]> PackTogether(int[] examples, IReadOnlyList<int> lengths, int capacity)
    {
        var left = examples.OrderBy(example => lengths[example]).ToList(); // stable: of equal ones the last comes last
        while (left.Count > 0)
        {
            var row = new List<int>();
            for (var room = capacity; Fitting(room) is var count and > 0;)
            {
                row.Add(left[count - 1]);
                room -= lengths[left[count - 1]];
                left.RemoveAt(count - 1);
            }
            yield return row.Count > 0 ? [.. row] : throw new ArgumentException($"an example of {lengths[left[0]]} tokens exceeds the capacity {capacity}", nameof(lengths));
        }

        // How many of those left are at most so long.
        int Fitting(int room)
        {
            var (from, to) = (0, left.Count);
            while (from < to)
            {
                var middle = (from + to) / 2;
                if (lengths[left[middle]] <= room) from = middle + 1;
                else to = middle;
            }
            return from;
        }
    }
}
