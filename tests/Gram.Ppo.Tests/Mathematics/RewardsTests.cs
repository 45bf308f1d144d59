using Gram.Ppo.Mathematics;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static Gram.Ppo.Tests.Support.TensorAssertions;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Mathematics;

public sealed class RewardsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(RewardTransform.Centered, 0.75, 0.5)]
    [InlineData(RewardTransform.Probability, 0.75, 0.75)]
    [InlineData(RewardTransform.Logit, 0.75, 1.0986122886681098)] // log 3
    [InlineData(RewardTransform.Logit, 0.0, -5)]
    [InlineData(RewardTransform.Logit, 1.0, 5)]
    public void Transform_OfAScore_IsItsFormula(RewardTransform transform, double p, double expected) =>
        RewardTransforms.Apply(transform, p, clip: 5).Should().BeApproximately(expected, 1e-12);

    [Theory]
    [InlineData(RewardTransform.Centered, 0)]
    [InlineData(RewardTransform.Logit, 0)]
    [InlineData(RewardTransform.Probability, 0.5)]
    public void Transform_OfATie_IsRemaxBaseline(RewardTransform transform, double expected) =>
        RewardTransforms.Tie(transform).Should().Be(expected);

    [Fact]
    public void Normaliser_OverSteps_DividesByTheCumulativeRootMeanSquare()
    {
        var normaliser = new RewardNormaliser();

        normaliser.Update([0, 0]);
        normaliser.Scale.Should().Be(1, "a run of ties has no scale yet");
        normaliser.Update([0.3, -0.4]);

        normaliser.Scale.Should().BeApproximately(0.25, 1e-12); // √((0.09 + 0.16)/4), ties' zeros included
    }

    /// <summary>Fails where the score is placed one slot after the last token, as in TRL 0.24, or on the last column.</summary>
    [Fact]
    public void TokenRewards_ScoreStandsOnTheLastToken_NotAfterIt()
    {
        var rewards = TokenRewards.Build(Floats([1, 2, 7], [1, 7, 7], [7, 7, 7]), 0.5, tensor(new[] { 10f, 20f, 30f }), Mask([1, 1, 0], [1, 0, 0], [0, 0, 0]));

        rewards.ShouldBeNear(Floats([-0.5f, 9, 0], [19.5f, 0, 0], [0, 0, 0]), 0);
    }

    [Fact]
    public void TokenRewards_FullRow_PutsTheScoreInTheLastColumn() =>
        TokenRewards.Build(zeros(1, 2), 0.5, tensor(new[] { 3f }), Mask([1, 1])).ShouldBeNear(Floats([0, 3]), 0);
}
