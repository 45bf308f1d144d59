using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Judging;
using Gram.Training.Adapters;
using Gram.Training.Parallel;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

/// <summary>A run that processes share is the run of one process with the same mini-batches, up to the order of sums.</summary>
public sealed class SeveralProcessesTests
{
    [Theory]
    [InlineData(Advantage.Gae, 2)]
    [InlineData(Advantage.Remax, 2)]
    [InlineData(Advantage.Rloo, 2)]
    [InlineData(Advantage.Grpo, 4)]
    public async Task Run_InSeveralProcesses_IsTheRunOfOne(Advantage advantage, int processes)
    {
        using var test = new TestRun();
        var options = Options(test, "alone") with { Advantage = advantage, NumSamples = advantage is Advantage.Rloo or Advantage.Grpo ? 2 : 1, EvalSteps = 2 };

        await test.Run(options with { GradientAccumulationSteps = 4 }).RunAsync();
        await RunAsync(test, options with { OutputDir = test.Output("shared"), GradientAccumulationSteps = 4 / processes }, processes);

        ShouldBeNear(test, "shared", "alone");
    }

    [Fact]
    public async Task Run_OfAdaptersInEightBitMoments_IsTheRunOfOne()
    {
        using var test = new TestRun();
        var options = Options(test, "alone") with { FinetuningType = FinetuningType.Lora, Optim = "adamw_8bit", LearningRate = 1e-2 };

        await test.Run(options with { GradientAccumulationSteps = 4 }).RunAsync();
        await RunAsync(test, options with { OutputDir = test.Output("shared") }, 2);

        ShouldBeNear(test, "shared", "alone", "adapter_model.safetensors");
    }

    [Fact]
    public async Task Run_WithFewerPromptsThanProcesses_GivesSomeNothingToGenerate()
    {
        using var test = new TestRun();
        var options = Options(test, "alone") with { PpoBufferSize = 1, NumSamples = 9, Advantage = Advantage.Rloo, PerDeviceTrainBatchSize = 1 };

        await test.Run(options with { GradientAccumulationSteps = 9 }).RunAsync(); // 9 responses to one prompt
        await RunAsync(test, options with { OutputDir = test.Output("shared"), GradientAccumulationSteps = 3 }, 3);

        ShouldBeNear(test, "shared", "alone");
    }

    /// <summary>Whatever ends epochs, leaves out steps or changes the loss must do so in all processes: one that went alone would wait for the others forever.</summary>
    [Theory]
    [InlineData("target_kl")]
    [InlineData("shared value")]
    [InlineData("filters")]
    [InlineData("checkpointing")]
    public async Task Run_WithOtherSettings_IsTheRunOfOne(string setting)
    {
        using var test = new TestRun();
        var options = Options(test, "alone") with { Advantage = Advantage.Gae, EvalSteps = 1 };
        options = setting switch
        {
            "target_kl" => options with { TargetKl = 1e-9, PpoEpochs = 3 },
            "shared value" => options with { ValueModel = ValueModelKind.Shared },
            "filters" => options with { TopP = 0.9, MinP = 0.01, Temperature = 1.3 },
            _ => options with { GradientCheckpointing = true, KlIn = KlIn.Loss, EntropyCoef = 0.01 },
        };

        await test.Run(options with { GradientAccumulationSteps = 4 }).RunAsync();
        await RunAsync(test, options with { OutputDir = test.Output("shared") }, 2);

        ShouldBeNear(test, "shared", "alone");
    }

    /// <summary>Judges answer when they like, each process's at another time: what processes do together has its place all the same.</summary>
    [Theory]
    [InlineData(Advantage.Gae, 0)]
    [InlineData(Advantage.Gae, 1)]
    [InlineData(Advantage.Rloo, 1)]
    public async Task Run_WithJudgesElsewhere_IsTheRunOfOne(Advantage advantage, int asyncSteps)
    {
        using var test = new TestRun();
        var options = Options(test, "alone") with { MaxSteps = 4, Advantage = advantage, NumSamples = advantage == Advantage.Rloo ? 2 : 1, EvalSteps = 2, AsyncSteps = asyncSteps };

        await test.Run(options with { GradientAccumulationSteps = 4 }).RunAsync();
        await ThreadGroup.RunAsync(2, group => Run(test, options with { OutputDir = test.Output("shared") }, group, new JudgeElsewhere(new LetterJudge(), (call, cancellationToken) => Task.Delay(group.Rank * 40 * (call % 3), cancellationToken))).RunAsync());

        ShouldBeNear(test, "shared", "alone");
    }

    [Fact]
    public async Task Resume_OneStepAhead_WithAnotherNumberOfProcesses_GoesOnWithTheSameRun()
    {
        using var test = new TestRun();
        var options = Options(test, "straight") with { MaxSteps = 4, AsyncSteps = 1 };
        await test.Run(options with { GradientAccumulationSteps = 4 }).RunAsync();
        await RunAsync(test, options with { OutputDir = test.Output("first"), SaveSteps = 2 }, 2);

        await test.Run(options with { OutputDir = test.Output("first"), GradientAccumulationSteps = 4, ResumeFromCheckpoint = Path.Combine(test.Output("first"), "checkpoint-2") }).RunAsync();

        ShouldBeNear(test, "first", "straight");
    }

    [Fact]
    public async Task Guard_InSeveralProcesses_StopsThemAll()
    {
        using var test = new TestRun();

        var run = () => RunAsync(test, Options(test, "run") with { MaxSteps = 5, MaxKl = 1e-9, SaveSteps = 1 }, 2);

        (await run.Should().ThrowAsync<RunStoppedException>()).WithMessage("stopped at step 2*max_kl*checkpoint-1");
    }

    [Fact]
    public async Task Run_HeldOutKlAboveTheLimit_EndsInAllProcesses()
    {
        using var test = new TestRun();

        var options = Options(test, "run") with { MaxSteps = 40, EvalSteps = 1, LearningRate = 2e-3, MaxEvalKl = 0.2 };

        await RunAsync(test, options, 2);

        var last = test.Steps[^1];
        test.Steps.SkipLast(1).Should().NotBeEmpty().And.OnlyContain(step => step.Metrics["eval/kl"] <= 0.2);
        last.Metrics["eval/kl"].Should().BeGreaterThan(0.2);
        last.Step.Should().BeLessThan(40);
        var (model, before) = (test.Output("run"), Path.Combine(test.Output("run"), $"checkpoint-{last.Step - 1}"));
        RunDirectory.GlobalStep(model).Should().Be(last.Step - 1);
        File.ReadAllBytes(Path.Combine(model, "model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(before, "model.safetensors")));

        // Resumed, its first evaluation is the one beyond: what it goes back to is only in its log.
        await RunAsync(test, options with { ResumeFromCheckpoint = "true" }, 2);
        test.Steps[^1].Step.Should().Be(last.Step);
        RunDirectory.GlobalStep(model).Should().Be(last.Step - 1);
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(1, 2)]
    public async Task Resume_WithAnotherNumberOfProcesses_GoesOnWithTheSameRun(int before, int after)
    {
        using var test = new TestRun();
        var options = Options(test, "straight") with { MaxSteps = 4 };
        await test.Run(options with { GradientAccumulationSteps = 4 }).RunAsync();
        await RunAsync(test, options with { OutputDir = test.Output("first"), GradientAccumulationSteps = 4 / before, SaveSteps = 2 }, before);

        await RunAsync(test, options with { OutputDir = test.Output("first"), GradientAccumulationSteps = 4 / after, ResumeFromCheckpoint = Path.Combine(test.Output("first"), "checkpoint-2") }, after);

        ShouldBeNear(test, "first", "straight");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Resume_InSeveralProcesses_GivesTheSameBits(bool background)
    {
        using var test = new TestRun();
        var options = Options(test, "straight") with { MaxSteps = 4, SaveSteps = 2, BackgroundSave = background };
        await RunAsync(test, options, 2);

        await RunAsync(test, options with { OutputDir = test.Output("resumed"), SaveSteps = 0, ResumeFromCheckpoint = Path.Combine(test.Output("straight"), "checkpoint-2") }, 2);

        Bytes("resumed").Should().Equal(Bytes("straight"));

        byte[] Bytes(string run) => File.ReadAllBytes(Path.Combine(test.Output(run), "model.safetensors"));
    }

    [Fact]
    public async Task Cancel_InOneProcess_StopsAllAfterTheirStepWithACheckpoint()
    {
        using var test = new TestRun();
        using var cancel = new CancellationTokenSource();
        test.OnStep = step =>
        {
            if (step.Step == 2) cancel.Cancel();
        };

        var run = () => ThreadGroup.RunAsync(2, group => Run(test, Options(test, "run") with { MaxSteps = 5 }, group).RunAsync(group.Leads() ? cancel.Token : CancellationToken.None));

        await run.Should().ThrowAsync<OperationCanceledException>();
        RunDirectory.GlobalStep(Path.Combine(test.Output("run"), "checkpoint-2")).Should().Be(2);
    }

    [Fact]
    public async Task Terms_OfTheReward_AreAskedOnce()
    {
        using var test = new TestRun();
        var term = new OwnReward("length", response => response.Response.Length);

        await ThreadGroup.RunAsync(2, group => new PpoRun(Options(test, "run") with { MaxSteps = 1, Advantage = Advantage.Rloo, NumSamples = 2 }, new LetterJudge(), TestRun.Prompts, [], test.Events) { Group = group, FreeBytes = null, Rewards = [term] }.RunAsync());

        term.Asked.Should().ContainSingle().Which.Should().HaveCount(16, "a rollout has 16 responses");
    }

    [Fact]
    public async Task Term_ThatGivesUpOnItsOwn_IsAnErrorAndNoCancellation()
    {
        using var test = new TestRun();
        var term = new OwnReward("slow", _ => throw new TaskCanceledException("the request took too long"));

        var run = () => test.Run(Options(test, "run") with { MaxSteps = 1 }, evaluates: false, rewards: [term]).RunAsync();

        (await run.Should().ThrowAsync<GramException>()).WithMessage("the reward term slow gave up: the request took too long");
    }

    private static PpoOptions Options(TestRun test, string output) => test.Options(output) with { GradientAccumulationSteps = 2, PpoEpochs = 2, PpoTarget = 0.5, KlHorizon = 100 };

    private static PpoRun Run(TestRun test, PpoOptions options, IProcessGroup group, IPairJudge? judge = null) =>
        new(options, judge ?? new LetterJudge(), TestRun.Prompts, TestRun.EvalPrompts, test.Events, new LetterJudge()) { Group = group, FreeBytes = null };

    private static Task<PpoResult[]> RunAsync(TestRun test, PpoOptions options, int processes) => ThreadGroup.RunAsync(processes, group => Run(test, options, group).RunAsync());

    private static void ShouldBeNear(TestRun test, string shared, string alone, string weights = "model.safetensors")
    {
        var (ours, theirs) = (Metrics(test.Output(shared)), Metrics(test.Output(alone)));
        ours.Should().HaveSameCount(theirs);
        foreach (var (step, other) in ours.Zip(theirs))
        {
            step.Keys.Should().BeEquivalentTo(other.Keys);
            foreach (var (name, value) in step) value.Should().BeApproximately(other[name], 1e-3 * Math.Max(0.1, Math.Abs(other[name])), name);
        }
        using var scope = NewDisposeScope();
        using var our = TensorStore.OpenFile(Path.Combine(test.Output(shared), weights));
        using var their = TensorStore.OpenFile(Path.Combine(test.Output(alone), weights));
        foreach (var name in their.Names) (our.Load(name) - their.Load(name)).abs().max().ToDouble().Should().BeLessThan(2e-4, name);
    }

    private static Dictionary<string, double>[] Metrics(string directory) =>
    [
        .. File.ReadAllLines(Path.Combine(directory, "trainer_log.jsonl")).Select(line => JsonNode.Parse(line)!.AsObject()
            .Where(metric => !StepMetrics.IsOfTheMachine(metric.Key) && metric.Value!.GetValueKind() == System.Text.Json.JsonValueKind.Number).ToDictionary(metric => metric.Key, metric => metric.Value!.GetValue<double>()))
    ];
}
