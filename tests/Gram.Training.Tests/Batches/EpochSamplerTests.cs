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

    [Fact]
    public void At_WithLengths_DealsOutExamplesOfLikeLengthLongestFirst()
    {
        int[] lengths = [.. Enumerable.Range(0, 37).Select(i => (i * 7919) % 37)]; // all different
        var sampler = new EpochSampler(37, 4, new RandomSource(5), lengths);

        var steps = Enumerable.Range(0, 20).Select(step => sampler.At(step).ToArray()).ToList(); // two epochs of ten

        foreach (var epoch in steps.Chunk(10))
        {
            epoch.SelectMany(step => step).Should().BeEquivalentTo(Enumerable.Range(0, 37));
            lengths[epoch[0][0]].Should().Be(36, "the longest shows at once whether there is memory for it");
            // 37 / (4 · 4) = 2 steps are sorted together.
            foreach (var pair in epoch.Skip(2).Chunk(2).Take(4))
            {
                var sorted = pair.SelectMany(step => step).Skip(1).Select(example => lengths[example]).ToArray(); // its first may have been exchanged
                sorted.Should().BeInDescendingOrder();
            }
        }
        steps[0].Should().NotEqual(steps[10]);
    }
}
