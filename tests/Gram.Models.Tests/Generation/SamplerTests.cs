using Gram.Models.Generation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Generation;

public class SamplerTests
{
    [Fact]
    public void Draw_Uniform_FallsIntoItsTokensPartOfTheUnitInterval()
    {
        using var scope = NewDisposeScope();
        var probabilities = tensor(new[] { 0.25f, 0, 0.5f, 0.25f }).expand(6, 4);
        Sampler.Draw(probabilities, tensor(new[] { 0, 0.2499, 0.25, 0.7499, 0.75, 1 - 1e-16 }))
            .data<long>().ToArray().Should().Equal(0, 0, 2, 2, 3, 3);
    }

    [Fact]
    public void Draw_ProbabilityZero_IsNeverDrawn()
    {
        using var scope = NewDisposeScope();
        var probabilities = tensor(new[] { 0, 0.3f, 0, 0.7f, 0 }).expand(3, 5);
        Sampler.Draw(probabilities, tensor(new[] { 0.0, 0.5, Math.BitDecrement(1.0) }))
            .data<long>().ToArray().Should().Equal(1, 3, 3);
    }

    [Fact]
    public void Draw_RowThatIsNotANumber_StaysInsideTheVocabulary()
    {
        using var scope = NewDisposeScope();
        Sampler.Draw(full(1, 4, float.NaN), tensor(new[] { 0.5 })).item<long>().Should().BeInRange(0, 3);
    }

    /// <summary>ppo.md, invariant 8: Pearson's χ² of 40,000 draws against the filtered distribution.</summary>
    [Theory]
    [InlineData(1.0, 0, 1.0)]
    [InlineData(0.7, 0, 1.0)]
    [InlineData(1.5, 0, 1.0)]
    [InlineData(1.0, 5, 1.0)]
    [InlineData(1.0, 0, 0.8)]
    [InlineData(0.7, 8, 0.9)]
    public void Draw_ManyTimes_FrequenciesMatchTheDistribution(double temperature, int topK, double topP)
    {
        const int draws = 40_000;
        using var scope = NewDisposeScope();
        var random = new RandomSource(11);
        var logits = tensor(Enumerable.Range(0, 12).Select(_ => (float)(1.5 * random.NextGaussian())).ToArray()).unsqueeze(0);
        var probabilities = SamplingFilter.Apply(logits, new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP }).softmax(-1);
        var drawn = Sampler.Draw(probabilities.expand(draws, -1), tensor(Enumerable.Range(0, draws).Select(_ => random.NextDouble()).ToArray())).data<long>().ToArray();

        ChiSquare.ShouldMatch([.. drawn.Select(token => (int)token)], probabilities.data<float>().ToArray());
    }
}
