using Gram.Models;
using Gram.Training.Batches;

namespace Gram.Training.Tests.Batches;

public class EpochSamplerTests
{
    [Fact]
    public void At_StepsOfAnEpoch_DealOutEveryExampleOnce()
    {
        EpochSampler sampler = new(10, 4, new RandomSource(1));

        int[][] epoch = [[.. sampler.At(0)], [.. sampler.At(1)], [.. sampler.At(2)]];

        epoch.Select(step => step.Length).Should().Equal(4, 4, 2);
        epoch.SelectMany(step => step).Should().BeEquivalentTo(Enumerable.Range(0, 10)).And.NotBeInAscendingOrder();
    }

    [Fact]
    public void At_NextEpoch_IsAnotherOrder()
    {
        EpochSampler sampler = new(50, 50, new RandomSource(1));

        sampler.At(0).ToArray().Should().NotEqual(sampler.At(1).ToArray());
    }

    [Fact]
    public void At_FromTheMiddle_DealsWhatAWholeRunWould()
    {
        EpochSampler whole = new(10, 4, new RandomSource(7)), resumed = new(10, 4, new RandomSource(7));
        var steps = Enumerable.Range(0, 9).Select(step => whole.At(step).ToArray()).ToArray();

        for (var step = 7; step < 9; step++) resumed.At(step).ToArray().Should().Equal(steps[step]);
    }
}
