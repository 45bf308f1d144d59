using Gram.Models.Kernels;

namespace Gram.Models.Tests.Kernels;

public unsafe class SelectionTests
{
    public static TheoryData<string, float[]> Rows => new()
    {
        { "ascending", [.. Enumerable.Range(0, 5003).Select(i => (float)i)] },
        { "descending", [.. Enumerable.Range(0, 5003).Select(i => (float)-i)] },
        { "ties", [.. Enumerable.Range(0, 5003).Select(i => (float)(i * 7 % 13))] },
        { "equal", [.. Enumerable.Repeat(2f, 5003)] },
        { "few", [1, 3, 2] },
        { "infinite", [float.NegativeInfinity, 4, float.NegativeInfinity, 5, 6, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, 1, 2] },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void Largest_AnyOrder_IsTheSortedRows(string name, float[] row)
    {
        var sorted = row.OrderDescending().ToArray();
        foreach (var k in ((int[])[1, 2, 50, 1000, row.Length - 1]).Where(k => k < row.Length))
        {
            fixed (float* scores = row)
            fixed (float* room = new float[Selection.Room(k)]) Selection.Largest(scores, row.Length, k, room).Should().Be(sorted[k - 1], "{0}, k = {1}", name, k);
        }
    }

    /// <summary>By the definition: sorted ascending (equal scores by id), removed while the cumulated weight is at most what may go.</summary>
    [Theory]
    [MemberData(nameof(Rows))]
    public void Cut_AnyOrder_IsTheSortedRows(string name, float[] row)
    {
        row = [.. row.Where(float.IsFinite)];
        // Whole weights, so that sums are exact in any order; more for larger scores.
        var weights = row.Select(score => score - row.Min() + 1).ToArray();
        int[] ascending = [.. Enumerable.Range(0, row.Length).OrderBy(i => row[i])];
        var total = weights.Sum(weight => (double)weight);
        foreach (var share in (double[])[0, 0.001, 0.1, 0.5, 0.9, 0.9999, 1])
        {
            const double below = 3;
            var removable = below + (share * total);
            var (gone, cumulated) = (0, below);
            while (gone < row.Length - 1 && cumulated + weights[ascending[gone]] <= removable) cumulated += weights[ascending[gone++]];
            var expected = row[ascending[gone]];

            fixed (float* scores = row)
            fixed (float* weightData = weights)
            fixed (float* room = new float[row.Length])
            fixed (float* moreRoom = new float[row.Length])
            {
                var (threshold, skipped) = Selection.Cut(scores, weightData, row.Length, below, removable, room, moreRoom);
                threshold.Should().Be(expected, "{0}, {1}", name, share);
                skipped.Should().Be(ascending.Take(gone).Count(i => row[i] == expected), "{0}, {1}", name, share);
            }
        }
    }
}
