using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;
using Gram.Ppo.Tests.Support;
using Gram.Training.Runs;
using TorchSharp;
using static Gram.Ppo.Tests.Support.TensorAssertions;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Stages;

public sealed class RewardStageTests : IDisposable
{
    private static readonly PpoOptions Remax = StageWorld.Options with { Advantage = Advantage.Remax, KlCoef = 0.5 };

    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Credit_Remax_IsRewardToGoWithKl()
    {
        // kl 0.2, 0.4 on row 0: A_1 = −0.5·0.4 + 0.5 = 0.3, A_0 = 0.3 − 0.1 = 0.2. Score 0.75 centered is 0.5.
        using var experience = Credit(Remax, 0.75, 0.5);

        experience.Advantages.ShouldBeNear(Floats([0.2f, 0.3f, 0], [-0.4f, -0.3f, -0.15f]), 1e-6);
        experience.Returns.Should().BeNull();
    }

    [Fact]
    public void Credit_RemaxOfProbability_TakesTheTieAway()
    {
        using var experience = Credit(Remax with { RewardTransform = RewardTransform.Probability, KlCoef = 0 }, 0.75, 0.5);

        experience.Advantages.ShouldBeNear(Floats([0.25f, 0.25f, 0], [0, 0, 0]), 1e-6);
    }

    [Fact]
    public void Credit_ScoreNorm_DividesByTheRootMeanSquare()
    {
        // Centered 0.6 and 0: rms √(0.36/2) = 0.42426; 0.6/0.42426 = √2.
        using var experience = Credit(Remax with { PpoScoreNorm = true }, 0.8, 0.5);

        experience.RawRewards[0].Should().BeApproximately(0.6, 1e-9);
        experience.Rewards[0].Should().BeApproximately(Math.Sqrt(2), 1e-9);
        experience.Rewards[1].Should().Be(0);
    }

    [Fact]
    public void Credit_TruncationPenalty_ReplacesTheRewardAndStaysOutOfTheScale()
    {
        // Row 1 has no end token. The scale is of 0.5 alone, so row 0 gets 1.
        using var experience = Credit(Remax with { Truncation = "penalty -0.7", PpoScoreNorm = true }, 0.75, 0.9);

        experience.Rewards[0].Should().BeApproximately(1, 1e-9);
        experience.Rewards[1].Should().Be(-0.7);
    }

    [Fact]
    public void Credit_TruncationMask_TakesTheRowOut()
    {
        using var experience = Credit(Remax with { Truncation = "mask" }, 0.75, 0.9);

        experience.TrainMask.to(float32).ShouldBeNear(Floats([1, 1, 0], [0, 0, 0]), 0);
        experience.Advantages[1].ShouldBeNear(zeros(3), 0);
    }

    [Fact]
    public void Credit_Gae_WhitensAdvantagesButNotReturns()
    {
        // λ = γ = 1, V = 0.1: A = reward-to-go − 0.1, returns = reward-to-go.
        using var experience = Credit(StageWorld.Options with { KlCoef = 0, Lam = 1 }, 0.75, 0.5);
        var mask = experience.TrainMask;

        experience.Returns!.ShouldBeNear(Floats([0.5f, 0.5f, 0], [0, 0, 0]), 1e-6);
        Masked.Mean(experience.Advantages, mask).ShouldBeNear(0, 1e-6);
        Masked.Variance(experience.Advantages, mask).ShouldBeNear(1, 1e-5);
    }

    [Fact]
    public void Credit_Rloo_IsTheRewardWithKlBeyondTheOthersMean()
    {
        // Σ kl 0.6 and 0.8, β 0.5: R = 0.5 − 0.3 = 0.2 and −0.4; each minus the other.
        using var experience = Credit(StageWorld.Options with { Advantage = Advantage.Rloo, NumSamples = 2, KlCoef = 0.5 }, 0.75, 0.5);

        experience.Advantages.ShouldBeNear(Floats([0.6f, 0.6f, 0], [-0.6f, -0.6f, -0.6f]), 1e-6);
        experience.Returns.Should().BeNull();
    }

    [Fact]
    public void Credit_Grpo_StandardisesRewardsWithoutKl()
    {
        // Rewards 0.5 and 0: mean 0.25, Bessel's std 0.353553.
        using var experience = Credit(StageWorld.Options with { Advantage = Advantage.Grpo, NumSamples = 2, KlCoef = 0.5, PpoScoreNorm = null }, 0.75, 0.5);

        experience.Advantages.ShouldBeNear(Floats([0.706907f, 0.706907f, 0], [-0.706907f, -0.706907f, -0.706907f]), 1e-5);
        experience.KlInReward.Should().BeFalse();
        experience.Rewards.Should().Equal(experience.RawRewards, "rewards are not divided by their running scale");
    }

    [Fact]
    public void Credit_KlInTheLoss_LeavesRewardsAlone()
    {
        using var experience = Credit(Remax with { KlIn = KlIn.Loss }, 0.75, 0.5);

        experience.Advantages.ShouldBeNear(Floats([0.5f, 0.5f, 0], [0, 0, 0]), 1e-6);
        experience.Beta.Should().Be(0.5);
    }

    /// <summary>Centered 0.5 and 0 by half; the terms say 1 and −2, weighing 0.1, and 4 and 5, weighing 1.</summary>
    [Fact]
    public void Credit_Mixture_IsTheWeightedSumAndShowsItsTerms()
    {
        using var experience = Mixed(Remax with { Advantage = Advantage.Rloo, NumSamples = 2, KlCoef = 0 });

        experience.RawRewards[0].Should().BeApproximately(0.25 + 0.1 + 4, 1e-12);
        experience.RawRewards[1].Should().BeApproximately(-0.2 + 5, 1e-12);
        experience.Rewards.Should().Equal(experience.RawRewards, "rloo is not normalised");
        experience.TermMeans.Should().BeEquivalentTo(new Dictionary<string, double> { ["judge"] = 0.25, ["first"] = -0.5, ["second"] = 4.5 });
    }

    [Fact]
    public void Credit_MixtureUnderScoreNorm_IsNormalisedWhole()
    {
        using var experience = Mixed(StageWorld.Options with { PpoScoreNorm = true, Truncation = "penalty -0.7" });

        // The row that was cut stays out of the scale: 4.35 alone.
        experience.Rewards[0].Should().BeApproximately(1, 1e-12);
        experience.Rewards[1].Should().Be(-0.7, "truncation replaces the whole mixture");
    }

    /// <summary>ReMax takes the reference's own mixture away: a tie of the judge, and what the terms say of the reference.</summary>
    [Fact]
    public void Credit_RemaxOfAMixture_TakesTheReferencesRewardAway()
    {
        using var experience = Mixed(Remax with { KlCoef = 0, RewardTransform = RewardTransform.Probability });

        // Row 0: 0.5·0.75 + 0.1·1 + 4 less 0.5·0.5 + 0.1·3 + 1; row 1: 0.5·0.5 − 0.2 + 5 less 0.25 − 0.1 + 2.
        experience.Advantages.ShouldBeNear(Floats([2.925f, 2.925f, 0], [2.9f, 2.9f, 2.9f]), 1e-5);
    }

    [Fact]
    public void Credit_EstimatorOfOnesOwn_TakesThePlaceOfRloo()
    {
        // Given r − β·Σ kl: 0.5 − 0.5·0.6 = 0.2 and 0 − 0.5·0.8 = −0.4.
        var options = StageWorld.Options with { Advantage = Advantage.Rloo, NumSamples = 2, KlCoef = 0.5 };
        using var experience = new RewardStage(options, new KlController(0.5, null, 1), new RewardNormaliser(), new Doubled()).Credit(Judged(0.75, 0.5));

        experience.Advantages.ShouldBeNear(Floats([0.4f, 0.4f, 0], [-0.8f, -0.8f, -0.8f]), 1e-6);
    }

    private sealed class Doubled : IAdvantageEstimator
    {
        public double[] Estimate(IReadOnlyList<double> rewards, IReadOnlyList<int> queries) => [.. rewards.Select(reward => 2 * reward)];
    }

    [Fact]
    public void Credit_AdaptiveKl_SteersTheNextStep()
    {
        var controller = new KlController(0.5, target: 0.1, horizon: 10);
        var stage = new RewardStage(Remax, controller, new RewardNormaliser());

        using var experience = stage.Credit(Judged(0.75, 0.5));

        experience.Beta.Should().Be(0.5, "this step was built with the weight it found");
        controller.Beta.Should().BeApproximately(0.5 * (1 + (0.2 * 2 / 10)), 1e-9);
    }

    [Fact]
    public void Credit_BeyondMaxKl_StopsTheRun()
    {
        // Σ kl: 0.6 and 0.8, mean 0.7.
        using var scored = Judged(0.75, 0.5);
        var credit = () => new RewardStage(Remax with { MaxKl = 0.6 }, new KlController(0.5, null, 1), new RewardNormaliser()).Credit(scored);

        credit.Should().Throw<RunStoppedException>().WithMessage("*0.7 nats*max_kl 0.6*");
    }

    private static Experience Credit(PpoOptions options, params double[] scores) => StageWorld.Credit(Judged(scores), options);

    private static Experience Mixed(PpoOptions options) => StageWorld.Credit(
        Judged(StageWorld.Judge(Rows, 0.75, 0.5) with { Terms = [new("first", [1, -2], [3, -1]), new("second", [4, 5], [1, 2])] }), options with { RewardWeights = ["judge=0.5", "first=0.1"] });

    /// <summary>Two rows: one of two tokens that ended, one of three that was cut.</summary>
    private static IReadOnlyList<RolloutRow> Rows => [StageWorld.Row([2], [3, 0]), StageWorld.Row([2], [3, 4, 5])];

    private static JudgedRollout Judged(params double[] scores) => Judged(StageWorld.Judge(Rows, scores));

    private static JudgedRollout Judged(Judgement judgement) => new(Scored(judgement.Rollout), judgement);

    private static ScoredRollout Scored(Rollout rollout) => new()
    {
        Rollout = rollout,
        MicroBatches = [],
        Mask = Mask([1, 1, 0], [1, 1, 1]),
        OldLogProbs = Floats([-1, -1, 0], [-1, -1, -1]),
        RefLogProbs = Floats([-1.2f, -1.4f, 0], [-1.2f, -1.3f, -1.3f]),
        Values = Floats([0.1f, 0.1f, 9], [0.1f, 0.1f, 0.1f]),
        LogProbGap = (0, 0),
    };
}
