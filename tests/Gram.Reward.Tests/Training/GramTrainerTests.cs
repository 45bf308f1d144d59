using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Pipes.Events;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Optimisation;
using Gram.Training.Runs;
using TorchSharp;

namespace Gram.Reward.Tests.Training;

/// <summary>Whole runs of a tiny model.</summary>
public sealed class GramTrainerTests : TrainerTests
{
    [Fact]
    public async Task Run_SubscriberThatStops_LeavesACheckpointThatGoesOn()
    {
        using (steps.Subscribe(step => { if (step.Step == 2) throw new RunStoppedException("enough"); }))
        {
            var run = () => Run(Stage2("stopped"));
            (await run.Should().ThrowAsync<RunStoppedException>()).WithMessage("stopped after step 2: enough; the last good checkpoint is *checkpoint-2");
        }

        var resumed = await Run(Stage2("stopped") with { ResumeFromCheckpoint = "true" });

        (resumed.Steps, resumed.TrainLoss).Should().Be((3, (await Run(Stage2("whole"))).TrainLoss));
    }

    [Fact]
    public async Task Stage2_SeparablePreferences_AreLearnedForPairsItHasNotSeen()
    {
        var result = await Run(Stage2("run") with { MaxSteps = 60, LearningRate = 5e-3, EvalDataset = [Pairs("held-out", 20, first: 100)] });

        result.Steps.Should().Be(60);
        result.Evaluation!.Count.Should().Be(20);
        result.Evaluation.Accuracy.Should().BeGreaterThan(0.95);
        result.Evaluation.OrderDisagreement.Should().BeLessThan(0.2);
        Losses().Last().Should().BeLessThan(Losses().First());
    }

    [Fact]
    public async Task Stage2_Trained_IsAJudgeDirectoryAndARunDirectory()
    {
        var result = await new GramTrainer(Stage2("run") with { MaxSteps = 2, MaxShardSize = "5KB" }, steps, notices) { ConfigYaml = "max_steps: 2\n" }.RunAsync();

        foreach (var file in new[] { "config.json", "model.safetensors.index.json", "tokenizer.json", "gram_config.json", "config.yaml", "trainer_state.json", "trainer_log.jsonl" })
        {
            File.Exists(Path.Combine(result.Model, file)).Should().BeTrue(file);
        }
        GramConfig.Read(result.Model).Labels.Should().Equal("A", "B");
        using var judge = GramJudge.Load(result.Model);
        var scores = await judge.ScoreAsync([new AnswerPair("q", "good", "bad")]);
        scores[0].ScoreA.Should().BeInRange(0, 1);
    }

    [Fact]
    public async Task Stage2_ThreeLabels_AreAllNormalisedOver()
    {
        var options = Stage2("two") with { MaxSteps = 1, GramLabelSmoothing = 0, LearningRate = 0 };
        var two = await Run(options);

        var three = await Run(options with { OutputDir = directory.File("three"), GramCandidateLabels = ["A", "B", "C"] });

        // The model is untrained: log 2 and log 3, but for its random weights.
        two.TrainLoss.Should().BeApproximately(Math.Log(2), 0.1);
        three.TrainLoss.Should().BeApproximately(Math.Log(3), 0.1);
        using var judge = GramJudge.Load(three.Model);
        using var other = GramJudge.Load(two.Model);
        (await judge.ScoreAsync([new AnswerPair("q", "good", "bad")]))[0].Should().Be((await other.ScoreAsync([new AnswerPair("q", "good", "bad")]))[0], "a verdict is one of the first two");
    }

    [Fact]
    public async Task Stage1_Loss_Decreases()
    {
        var result = await Run(Stage2("run") with { GramLoss = false, Template = "chatml", MaxSteps = 30, LearningRate = 5e-3, ValSize = 4 });

        Losses().Last().Should().BeLessThan(0.7 * Losses().First());
        result.Evaluation!.Accuracy.Should().BeNull();
        result.Evaluation.Loss.Should().BeLessThan(Losses().First());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_WithGradientCheckpointing_GivesTheSameWeights(bool stage2)
    {
        var options = Stage2("plain") with { GramLoss = stage2, Template = stage2 ? "none" : "chatml", MaxSteps = 3, LearningRate = 5e-3 };
        var plain = await Run(options);

        var checkpointed = await Run(options with { OutputDir = directory.File("checkpointed"), GradientCheckpointing = true });

        File.ReadAllBytes(Path.Combine(checkpointed.Model, "model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(plain.Model, "model.safetensors")));
    }

    [Fact]
    public async Task Run_Streaming_GivesTheSameWeights()
    {
        var options = Stage2("memory") with { MaxSteps = 4, LearningRate = 5e-3 };
        var memory = await Run(options);

        var streamed = await Run(options with { OutputDir = directory.File("streamed"), Streaming = true });

        File.ReadAllBytes(Path.Combine(streamed.Model, "model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(memory.Model, "model.safetensors")));
    }

    [Fact]
    public async Task Run_WarmUp_StartsAtRateZeroAndFollowsTheSchedule()
    {
        await Run(Stage2("run") with { MaxSteps = 6, WarmupSteps = 2, LearningRate = 1e-3 });

        logged.Select(step => step.Metrics["learning_rate"]).Should().Equal(
            Enumerable.Range(0, 6).Select(step => LearningRateSchedule.At(LrSchedulerType.Cosine, 1e-3, step, 6, 2)));
        logged.Select(step => step.Step).Should().Equal(1, 2, 3, 4, 5, 6);
    }

    [Theory]
    [InlineData(torch.ScalarType.Float32)]
    [InlineData(torch.ScalarType.BFloat16)]
    public async Task Run_InterruptedAndResumed_IsBitForBitTheRunThatWasNot(torch.ScalarType dtype)
    {
        // 3 steps an epoch: the interruption is in the second one.
        var options = Stage2("whole") with { MaxSteps = 8, SaveSteps = 100, EvalStrategy = IntervalStrategy.Steps, EvalSteps = 2, EvalDataset = [Pairs("held-out", 4, first: 100)] };
        var whole = await Run(options, dtype);
        using CancellationTokenSource interrupt = new();
        using (steps.Subscribe(step =>
        {
            if (step.Step == 4) interrupt.Cancel();
        }))
        {
            var interrupted = () => Run(options with { OutputDir = directory.File("parts") }, dtype, interrupt.Token);
            await interrupted.Should().ThrowAsync<OperationCanceledException>();
        }
        Path.GetFileName(RunDirectory.LatestCheckpoint(directory.File("parts"))).Should().Be("checkpoint-4");

        var resumed = await Run(options with { OutputDir = directory.File("parts"), ResumeFromCheckpoint = "true" }, dtype);

        foreach (var file in new[] { "model.safetensors", "trainer_log.jsonl", "trainer_state.json" })
        {
            File.ReadAllBytes(Path.Combine(resumed.Model, file)).Should().Equal(File.ReadAllBytes(Path.Combine(whole.Model, file)), file);
        }
        resumed.TrainLoss.Should().Be(whole.TrainLoss);
        logged[^1].StepsBefore.Should().Be(4);
        logged.Should().OnlyContain(step => step.Step == step.StepsBefore || step.TimeLeft >= TimeSpan.Zero && step.Elapsed > TimeSpan.Zero);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_EachStep_LeaksNoTensors(bool stage2)
    {
        List<long> live = [];
        using var subscription = steps.Subscribe(_ => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount));

        await Run(Stage2("run") with { GramLoss = stage2, Template = stage2 ? "none" : "chatml", MaxSteps = 4, EvalStrategy = IntervalStrategy.Steps, EvalSteps = 1, EvalDataset = [Pairs("held-out", 4, first: 100)] });

        live.Skip(2).Should().AllBeEquivalentTo(live[^1]);
    }

    [Fact]
    public async Task Run_SameSeed_GivesTheSameModel()
    {
        var first = await Run(Stage2("first") with { MaxSteps = 3 });
        var second = await Run(Stage2("second") with { MaxSteps = 3 });
        var other = await Run(Stage2("other") with { MaxSteps = 3, Seed = 7 });

        Weights(second).Should().Equal(Weights(first));
        Weights(other).Should().NotEqual(Weights(first));

        static byte[] Weights(GramTrainingResult result) => File.ReadAllBytes(Path.Combine(result.Model, "model.safetensors"));
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(4, 2)]
    public async Task Run_WhateverTheAccumulation_TakesTheSameSteps(int batchSize, int accumulation)
    {
        var options = Stage2("whole") with { MaxSteps = 4, PerDeviceTrainBatchSize = 8, GradientAccumulationSteps = 1 };
        await Run(options);
        var whole = logged.ToArray();
        logged.Clear();

        await Run(options with { OutputDir = directory.File("parts"), PerDeviceTrainBatchSize = batchSize, GradientAccumulationSteps = accumulation });

        logged.Should().HaveCount(4);
        foreach (var (ours, expected) in logged.Zip(whole))
        {
            ours.Metrics["loss"].Should().BeApproximately(expected.Metrics["loss"], 1e-5);
            ours.Metrics["grad_norm"].Should().BeApproximately(expected.Metrics["grad_norm"], 1e-4 * expected.Metrics["grad_norm"]);
        }
    }

    [Theory]
    [InlineData(null, 2, new[] { 2, 4, 5 })]
    [InlineData(null, null, new[] { 5 })]
    [InlineData(IntervalStrategy.No, 2, new[] { 5 })]
    [InlineData(IntervalStrategy.Epoch, null, new[] { 3, 5 })]
    public async Task Run_Evaluation_IsWhenItWasAskedForAndAtTheEnd(IntervalStrategy? strategy, int? interval, int[] expected)
    {
        await Run(Stage2("run") with { GramLoss = false, Template = "chatml", ValSize = 1, MaxSteps = 5, EvalStrategy = strategy, EvalSteps = interval });

        logged.Where(step => step.Metrics.ContainsKey("eval_loss")).Select(step => step.Step).Should().Equal(expected);
    }

    [Fact]
    public async Task Run_SaveTotalLimit_KeepsTheNewestCheckpoints()
    {
        await Run(Stage2("run") with { MaxSteps = 5, SaveSteps = 1, SaveTotalLimit = 2 });

        Directory.GetDirectories(directory.File("run")).Select(Path.GetFileName).Should().BeEquivalentTo("checkpoint-4", "checkpoint-5");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_LoadBestModelAtEnd_IsTheModelOfTheBestEvaluation(bool interrupted)
    {
        // Learning lowers the loss, so the greatest one is an early one's.
        var options = Stage2("run") with
        {
            GramLoss = false, Template = "chatml", ValSize = 4, MaxSteps = 6, LearningRate = 5e-3, EvalSteps = 2, SaveSteps = 100, SaveTotalLimit = 1,
            LoadBestModelAtEnd = true, MetricForBestModel = "eval_loss", GreaterIsBetter = true,
        };
        if (interrupted)
        {
            using CancellationTokenSource interrupt = new();
            using var subscription = steps.Subscribe(step =>
            {
                if (step.Step == 5) interrupt.Cancel();
            });
            await FluentActions.Awaiting(() => Run(options, cancellationToken: interrupt.Token)).Should().ThrowAsync<OperationCanceledException>();
        }

        var result = await Run(options with { ResumeFromCheckpoint = interrupted ? "true" : null });

        var losses = logged.Where(step => step.Metrics.ContainsKey("eval_loss")).ToDictionary(step => step.Step, step => step.Metrics["eval_loss"]);
        losses.Keys.Should().Equal(2, 4, 6);
        losses[2].Should().BeGreaterThan(losses[4]).And.BeGreaterThan(losses[6]);
        result.Evaluation!.Loss.Should().Be(losses[2]);
        var best = Path.Combine(result.Model, "checkpoint-2");
        File.ReadAllBytes(Path.Combine(result.Model, "model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(best, "model.safetensors")));
        ((int)RunDirectory.ReadState(result.Model)["best_global_step"]!).Should().Be(2);
    }

    [Fact]
    public async Task Run_LoadBestModelAtEnd_NeedsSomethingToMeasureBy()
    {
        var options = Stage2("run") with { MaxSteps = 1, LoadBestModelAtEnd = true };
        var evaluated = options with { EvalDataset = [Pairs("held-out", 4, first: 100)] };

        await Refused(options, "*eval_dataset*val_size*");
        await Refused(evaluated, "*eval_strategy: steps or epoch*");
        await Refused(evaluated with { EvalSteps = 1, MetricForBestModel = "eval_rouge" }, "*eval_rouge is unknown*eval_loss*");
        await Refused(evaluated with { EvalSteps = 1, MaxSteps = 2, MetricForBestModel = "eval_loss" }, "*eval_loss is not measured*");

        Task Refused(GramTrainingOptions wrong, string message) => FluentActions.Awaiting(() => Run(wrong with { OverwriteOutputDir = true })).Should().ThrowAsync<GramException>().WithMessage(message);
    }

    [Fact]
    public async Task Run_PlotLoss_DrawsTheCurvesAndTheCardShowsThem()
    {
        var result = await Run(Stage2("run") with { MaxSteps = 4, EvalSteps = 2, EvalDataset = [Pairs("held-out", 4, first: 100)], PlotLoss = true });

        Directory.GetFiles(result.Model, "*.png").Select(Path.GetFileName).Should().BeEquivalentTo("training_loss.png", "training_eval_accuracy.png", "training_eval_order_disagreement.png");
        var card = File.ReadAllText(Path.Combine(result.Model, "README.md"));
        card.Should().StartWith("---\nlibrary_name: transformers\nbase_model: \"model\"\n").And.Contain("# run\n").And.Contain("(training_loss.png)").And.Contain("`pairs.json`")
            .And.Contain("| learning_rate | 0.001 |").And.Contain("| steps | 4 of 4 |").And.Contain(FormattableString.Invariant($"| held-out accuracy | {result.Evaluation!.Accuracy:0.0000} |"));
    }

    [Fact]
    public async Task Run_MoreThanFitsIntoMemory_IsRefusedWithAdviceBeforeAnythingIsWritten()
    {
        var options = Stage2("run") with { MaxSteps = 1, PerDeviceTrainBatchSize = 16 };
        var needed = new GramTrainer(options, steps, notices).Preview().Memory;

        await Refused(needed.Total - 1, "*the run needs about * are free: set per_device_train_batch_size: 1 with gradient_accumulation_steps: 32 (*memory_check: false*");
        await Refused(needed.Total - needed.Activations, "*a smaller model*");
        Directory.Exists(options.OutputDir).Should().BeFalse();
        await new GramTrainer(options with { MemoryCheck = false }, steps, notices) { FreeBytes = 1 }.RunAsync();

        Task Refused(long free, string message) =>
            FluentActions.Awaiting(() => new GramTrainer(options, steps, notices) { FreeBytes = free }.RunAsync()).Should().ThrowAsync<GramException>().WithMessage(message);
    }

    [Fact]
    public async Task Run_GroupByLength_TrainsOnAllOfIt()
    {
        var options = Stage2("plain") with { PerDeviceTrainBatchSize = 1, GradientAccumulationSteps = 1 };
        var plain = await Run(options);

        var grouped = await Run(options with { OutputDir = directory.File("grouped"), GroupByLength = true });

        grouped.Steps.Should().Be(plain.Steps).And.Be(24);
        grouped.TrainLoss.Should().NotBe(plain.TrainLoss, "the order is another");
    }

    [Fact]
    public void Preview_Stage2_ShowsThePromptMaskedAndTheLabelTrained()
    {
        var preview = new GramTrainer(Stage2("run") with { ValSize = 4, NumTrainEpochs = 2 }, steps, notices).Preview();

        (preview.Stage, preview.Train, preview.Eval, preview.Plan.TotalSteps, preview.Plan.WarmupSteps).Should().Be((2, 20, 4, 6, 1));
        preview.Examples.Should().HaveCount(3);
        foreach (var example in preview.Examples)
        {
            // A token is a byte here; the row's end is neither trained nor a part of the prompt.
            example.Parts.Select(part => part.IsTrained).Should().Equal(false, true, false);
            example.Parts[0].Text.Should().MatchRegex("^item \\d+\\?\nA:\\d+ is (good|bad)\nB:\\d+ is (good|bad)\n>$");
            example.Parts[1].Text.Should().Be(example.Parts[0].Text.IndexOf("good", StringComparison.Ordinal) < example.Parts[0].Text.IndexOf("bad", StringComparison.Ordinal) ? "A" : "B");
            example.Parts[2].Text.Should().Be("<|im_end|>");
            (example.Tokens, example.Trained).Should().Be((example.Parts[0].Text.Length + 2, 1));
        }
        preview.Lengths.Shortest.Should().BeLessThanOrEqualTo(preview.Lengths.Median).And.BePositive();
        preview.Lengths.Longest.Should().BeGreaterThanOrEqualTo(preview.Lengths.P95);
        Directory.Exists(directory.File("run")).Should().BeFalse();
    }

    [Fact]
    public async Task Run_GradientsNeverFinite_StopsAndSaysSo()
    {
        var options = Stage2("run") with { MaxSteps = 10, MaxSkippedSteps = 3 };
        var weights = Path.Combine(options.ModelNameOrPath, "model.safetensors");
        using (var store = TensorStore.OpenFile(weights))
        {
            var broken = store.Names.ToDictionary(name => name, name => store.Load(name));
            broken["model.norm.weight"].fill_(float.NaN);
            SafetensorsWriter.Write(weights, broken);
        }
        List<Notice> warnings = [];
        using var subscription = notices.Subscribe(notice =>
        {
            if (notice.IsWarning) warnings.Add(notice);
        });

        var run = () => Run(options);

        await run.Should().ThrowAsync<RunStoppedException>().WithMessage("3 steps in a row*no checkpoint*");
        warnings.Where(warning => warning.Text.Contains("not finite", StringComparison.Ordinal)).Should().HaveCount(3);
    }

    [Theory]
    [InlineData(LrSchedulerType.Constant, 1)]
    [InlineData(LrSchedulerType.ConstantWithWarmup, 0)]
    public async Task Run_WarmUpThatTheScheduleLacks_IsWarnedOf(LrSchedulerType schedule, int expected)
    {
        List<Notice> warnings = [];
        using var subscription = notices.Subscribe(notice =>
        {
            if (notice.IsWarning) warnings.Add(notice);
        });

        await Run(Stage2("run") with { MaxSteps = 1, WarmupSteps = 3, LrSchedulerType = schedule });

        warnings.Where(warning => warning.Text.StartsWith("warmup_steps 3 does nothing", StringComparison.Ordinal)).Should().HaveCount(expected);
    }

    [Fact]
    public async Task Run_FolderOfAnotherRun_IsNotReplacedUnasked()
    {
        var options = Stage2("run") with { MaxSteps = 1 };
        await Run(options);

        await FluentActions.Awaiting(() => Run(options)).Should().ThrowAsync<GramException>().WithMessage("*overwrite_output_dir*");
        await Run(options with { OverwriteOutputDir = true });
    }

    [Fact]
    public async Task Run_ResumedWhereNoCheckpointWasWritten_BeginsAtTheBeginning()
    {
        var options = Stage2("run") with { MaxSteps = 1 };
        await Run(options);

        var result = await Run(options with { ResumeFromCheckpoint = "true" });

        result.Steps.Should().Be(1);
    }

    [Fact]
    public async Task Run_ResumedWithOtherData_SaysWhatDiffers()
    {
        var options = Stage2("run") with { MaxSteps = 2, SaveSteps = 1 };
        await Run(options);

        await FluentActions.Awaiting(() => Run(options with { ResumeFromCheckpoint = "true", MaxSamples = 10 }))
            .Should().ThrowAsync<GramException>().WithMessage("*checkpoint-2*examples 24*10*");
    }
}
