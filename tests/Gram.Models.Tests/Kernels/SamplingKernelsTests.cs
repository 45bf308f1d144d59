using Gram.Models.Kernels;

namespace Gram.Models.Tests.Kernels;

public unsafe class SamplingKernelsTests
{
    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(0.2499, 0)]
    [InlineData(0.25, 2)]
    [InlineData(0.7499, 2)]
    [InlineData(0.75, 3)]
    [InlineData(1.0, 3)]
    public void Draw_Weights_TheFirstWhoseCumulatedWeightExceedsTheTarget(double target, int token)
    {
        fixed (float* weights = (float[])[0.25f, 0, 0.5f, 0.25f, 0]) SamplingKernels.Draw(weights, 5, target).Should().Be(token);
    }

    /// <summary>Over block borders: equal scores of −1 from 100 on, so that each of 1,400 tokens weighs the same, and those before weigh nothing.</summary>
    [Theory]
    [InlineData(0.0, 100)]
    [InlineData(0.5, 800)]
    [InlineData(0.9999, 1499)]
    [InlineData(1.0, 1499)]
    public void Draw_Blocks_FindsTheTokenInItsBlock(double uniform, int token)
    {
        float[] row = [.. Enumerable.Repeat(float.NegativeInfinity, 100), .. Enumerable.Repeat(-1f, 1400), .. Enumerable.Repeat(float.NegativeInfinity, 600)];
        var blockSums = new double[SamplingKernels.Blocks(row.Length)];
        fixed (float* scores = row)
        fixed (double* sums = blockSums)
        {
            var total = SamplingKernels.SumExp(scores, row.Length, -1, sums);
            total.Should().BeApproximately(1400, 1e-3);
            SamplingKernels.Draw(scores, row.Length, -1, sums, uniform * total).Should().Be(token);
        }
        blockSums.Should().Equal([412, 512, 476, 0, 0], (a, e) => Math.Abs(a - e) < 1e-3);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(37)]
    [InlineData(64)]
    public void MaxAndIndexOf_LargestTwice_FindTheFirst(int count)
    {
        var row = Enumerable.Range(0, count).Select(i => -1f - i).ToArray();
        row[count / 2] = row[count - 1] = 5;
        fixed (float* scores = row)
        {
            SamplingKernels.Max(scores, count).Should().Be(5);
            SamplingKernels.IndexOf(scores, count, 5).Should().Be(count / 2);
        }
    }
}
