using Gram.Ppo.Tests.Support;
using Gram.Training.Optimisation;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Stages;

public sealed class LearnerStageTests
{
    private static readonly PpoOptions Constant = StageWorld.Options with { LrSchedulerType = LrSchedulerType.Constant, WarmupRatio = 0 };

    /// <summary>Fails where the update's log-probs ignore the temperature, or are of another forward than the old ones.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Learn_AtRateZero_HasRatioExactlyOneInEveryEpoch(bool sharedValue)
    {
        using var world = new StageWorld(sharedValue);
        var options = Constant with { LearningRate = 0, ValueLearningRate = 0, PpoEpochs = 3, Temperature = 0.8 };
        using var learner = world.NewLearner(options);

        using var update = learner.Stage.Learn(world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), options));

        update.Statistics.Tokens.Should().Be(3 * (2 + 3 + 4 + 6));
        update.Statistics.Ratio.Should().Be(1);
        update.Statistics.RatioVariance.Should().Be(0);
        update.Statistics.ApproxKl.Should().Be(0);
        update.Statistics.PolicyClipFraction.Should().Be(0);
        update.Statistics.ValueClipFraction.Should().Be(0);
    }

    /// <summary>Fails where a micro-batch's loss is divided by its own tokens or rows, so that token means depend on the accumulation.</summary>
    [Fact]
    public void Learn_AnyMicroBatchSize_GivesTheSameLossAndGradient()
    {
        // With ε far above every gradient, AdamW's first step is −lr/ε·g: the step shows the gradient.
        var steps = new[] { (1, 4), (2, 2), (4, 1) }.Select(sizes =>
        {
            using var world = new StageWorld();
            using var scope = NewDisposeScope();
            var options = Constant with { PerDeviceTrainBatchSize = sizes.Item1, GradientAccumulationSteps = sizes.Item2, LearningRate = 1, ValueLearningRate = 1, AdamEpsilon = 1000 };
            using var learner = world.NewLearner(options);
            var before = world.Policy.Parameters.Values.Concat(world.Value.Parameters.Values).Select(weight => weight.detach().clone()).ToArray();
            using var update = learner.Stage.Learn(world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), options));
            using var noGrad = no_grad();
            var gradient = world.Policy.Parameters.Values.Concat(world.Value.Parameters.Values).Zip(before, (now, then) => ((then - now) * 1000).flatten()).ToArray();
            return (update.Statistics.PolicyLoss, update.Statistics.ValueLoss, Gradient: cat(gradient).data<float>().ToArray());
        }).ToArray();

        steps[0].Gradient.Max(MathF.Abs).Should().BeGreaterThan(1e-2f);
        foreach (var step in steps.Skip(1))
        {
            step.PolicyLoss.Should().BeApproximately(steps[0].PolicyLoss, 1e-5);
            step.ValueLoss.Should().BeApproximately(steps[0].ValueLoss, 1e-5);
            step.Gradient.Zip(steps[0].Gradient, (a, b) => Math.Abs(a - b)).Max().Should().BeLessThan(2e-3f);
        }
    }

    [Fact]
    public void Learn_SharedValue_GivesTheTrunkTheSumOfBothGradients()
    {
        // Steps show gradients as above. Doubling vf_coef doubles what the value loss adds.
        var gradients = new[] { 0.0, 1, 2 }.Select(coefficient =>
        {
            using var world = new StageWorld(shared: true);
            var options = Constant with { LearningRate = 1, ValueLearningRate = 1, AdamEpsilon = 1000, VfCoef = coefficient };
            using var learner = world.NewLearner(options);
            var weight = world.Policy.Parameters["model.layers.0.mlp.up_proj.weight"];
            var before = weight.data<float>().ToArray();
            learner.Stage.Learn(world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), options)).Dispose();
            return before.Zip(weight.data<float>().ToArray(), (then, now) => (then - now) * 1000).ToArray();
        }).ToArray();

        var once = gradients[1].Zip(gradients[0], (with, without) => with - without).ToArray();
        var twice = gradients[2].Zip(gradients[0], (with, without) => with - without).ToArray();
        once.Max(MathF.Abs).Should().BeGreaterThan(0.01f);
        twice.Zip(once, (two, one) => MathF.Abs(two - (2 * one))).Max().Should().BeLessThan(5e-3f);
    }

    [Fact]
    public void Learn_BeyondTargetKl_EndsTheEpochs()
    {
        using var world = new StageWorld();
        var options = Constant with { LearningRate = 0.05, PpoEpochs = 50, TargetKl = 1e-3, Advantage = Advantage.Remax };
        using var learner = world.NewLearner(options);

        using var update = learner.Stage.Learn(world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), options));

        learner.Stage.OptimizerStep.Should().BeInRange(1, 5);
    }

    [Fact]
    public void Learn_LossThatIsNotFinite_IsSkippedThenStopsTheRun()
    {
        using var world = new StageWorld();
        using var scope = NewDisposeScope();
        var options = Constant with { LearningRate = 0.05, PpoEpochs = 2, Advantage = Advantage.Remax, MaxSkippedSteps = 3 };
        using var learner = world.NewLearner(options);
        var before = world.Policy.Parameters.Values.Select(weight => weight.detach().clone()).ToArray();

        using (var update = learner.Stage.Learn(Broken()))
        {
            update.Skipped.Should().Be(2);
            update.Statistics.Tokens.Should().Be(0);
        }
        using var broken = Broken();
        var again = () => learner.Stage.Learn(broken);

        again.Should().Throw<RunStoppedException>().WithMessage("3 optimiser steps in a row*");
        world.Notices.Should().HaveCount(3).And.OnlyContain(notice => notice.IsWarning);
        foreach (var (now, then) in world.Policy.Parameters.Values.Zip(before)) now.detach().ShouldBeNear(then, 0);

        Records.Experience Broken()
        {
            var experience = world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), options);
            experience.Advantages.fill_(float.NaN);
            return experience;
        }
    }

    [Fact]
    public void Learn_NothingLeftByTheMask_MakesNoStep()
    {
        using var world = new StageWorld();
        var options = Constant with { Truncation = "mask" };
        using var learner = world.NewLearner(options);

        using var update = learner.Stage.Learn(world.Credit(StageWorld.Judge([StageWorld.Rows[3]], 0.9), options));

        learner.Stage.OptimizerStep.Should().Be(0);
        update.Statistics.Tokens.Should().Be(0);
    }

    [Fact]
    public void Learn_ManySteps_LeakNoTensors()
    {
        using var world = new StageWorld();
        var options = Constant with { LearningRate = 1e-4, EntropyCoef = 0.01, KlIn = KlIn.Loss };
        using var learner = world.NewLearner(options);
        void Step() => learner.Stage.Learn(world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), options)).Dispose();
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Step();
        Step();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    [Fact]
    public void FirstStep_OfAWarmUp_IsIdle()
    {
        using var world = new StageWorld();
        using var learner = world.NewLearner(StageWorld.Options with { WarmupRatio = 0.03 }, totalSteps: 100);

        learner.Stage.WarmupSteps.Should().Be(3);
        learner.Stage.FirstStepIsIdle.Should().BeTrue();
    }
}
