using Gram.Training.Batches;
using Gram.Training.Optimisation;

namespace Gram.Training.Tests.Batches;

public class TrainingPlanTests
{
    [Fact]
    public void Of_ShortLastStep_CountsAsAStep()
    {
        // 10 examples in micro-batches of 2: 5 of them, in steps of 2, 2 and 1.
        var plan = TrainingPlan.Of(examples: 10, batchSize: 2, accumulation: 2, epochs: 2, warmupRatio: 0.1);

        (plan.BatchesPerEpoch, plan.StepsPerEpoch, plan.TotalSteps, plan.WarmupSteps).Should().Be((5, 3, 6, 1));
        plan.EpochAfter(2).Should().Be(0.8);
        plan.EpochAfter(3).Should().Be(1);
        plan.EpochAfter(4).Should().Be(1.4);
    }

    [Fact]
    public void Of_MaxStepsAndWarmupSteps_WinOverEpochsAndRatio()
    {
        var plan = TrainingPlan.Of(examples: 10, batchSize: 2, accumulation: 2, epochs: 2, maxSteps: 4, warmupRatio: 0.5, warmupSteps: 1);

        (plan.TotalSteps, plan.WarmupSteps).Should().Be((4, 1));
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Of_GoldenRuns_HaveTransformersStepsAndRates()
    {
        foreach (var run in Goldens.Json("rl", "llamafactory", "steps.json")["cases"]!.AsArray().Select(item => item!.AsObject()))
        {
            var changed = run["changed"]!.AsObject();
            var plan = TrainingPlan.Of(
                (int)run["examples"]!, (int)run["per_device_train_batch_size"]!, (int)run["gradient_accumulation_steps"]!, (double)run["num_train_epochs"]!,
                maxSteps: (int?)changed["max_steps"] ?? -1, warmupRatio: (double?)changed["warmup_ratio"] ?? 0.1, warmupSteps: (int?)changed["warmup_steps"] ?? 0);

            plan.BatchesPerEpoch.Should().Be((int)run["batches_per_epoch"]!, run.ToJsonString());
            plan.TotalSteps.Should().Be((int)run["max_steps"]!, run.ToJsonString());
            plan.WarmupSteps.Should().Be((int)run["warmup_steps"]!, run.ToJsonString());
            plan.EpochAfter(plan.TotalSteps).Should().BeApproximately((double)run["epoch_at_end"]!, 1e-12);
            var type = Enum.Parse<LrSchedulerType>(((string)run["scheduler"]!).Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
            var rate = (double)run["learning_rate"]!;
            run["lr"]!.AsArray().Select(value => (double)value!).Should().Equal(
                Enumerable.Range(0, plan.TotalSteps).Select(step => LearningRateSchedule.At(type, rate, step, plan.TotalSteps, plan.WarmupSteps)),
                (golden, ours) => Math.Abs(golden - ours) <= 1e-12 * rate);
        }
    }
}
