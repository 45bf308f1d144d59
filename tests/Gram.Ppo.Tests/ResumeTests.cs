using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

public sealed class ResumeTests
{
    /// <summary>Fails where anything that moves is left out of a checkpoint: value head, moments, schedule, adaptive KL, running scale, generators, prompt order.</summary>
    [Theory]
    [InlineData(ValueModelKind.Separate)]
    [InlineData(ValueModelKind.Shared)]
    public async Task Resume_AfterACancelledStep_GivesTheSameWeightsAndMetricsBitForBit(ValueModelKind kind)
    {
        using var test = new TestRun();
        PpoOptions Options(TestRun run, string output) => ResumeTests.Options(run, output) with { ValueModel = kind };
        await test.Run(Options(test, "straight")).RunAsync();

        await Interrupt(test, Options(test, "resumed"), (cancel, step) =>
        {
            if (step == 2) cancel.Cancel();
        });
        Directory.Exists(Path.Combine(test.Output("resumed"), "checkpoint-2")).Should().BeTrue();
        await test.Run(Options(test, "resumed") with { ResumeFromCheckpoint = "true" }).RunAsync();

        ShouldBeTheSame(test);
    }

    [Fact]
    public async Task Resume_AfterACancelledRollout_GoesBackToTheLastWholeStep()
    {
        using var test = new TestRun();
        await test.Run(Options(test, "straight")).RunAsync();

        // Cancelled while the third step's samples are being judged: they are drawn again.
        await Interrupt(test, Options(test, "resumed"), (cancel, step) =>
        {
            if (step == 2) test.Judge.BeforeScoring = cancel.Cancel;
        });
        test.Judge.BeforeScoring = null;
        await test.Run(Options(test, "resumed") with { ResumeFromCheckpoint = Path.Combine(test.Output("resumed"), "checkpoint-2") }).RunAsync();

        ShouldBeTheSame(test);
    }

    [Fact]
    public async Task Resume_WithoutACheckpoint_BeginsAtTheBeginningAndSaysSo()
    {
        using var test = new TestRun();

        var result = await test.Run(test.Options() with { ResumeFromCheckpoint = "true" }).RunAsync();

        result.Steps.Should().Be(2);
        test.Notices.Should().Contain(notice => notice.Text.Contains("from the beginning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_IntoAnEarlierRun_IsRefusedUnlessItMayBeReplaced()
    {
        using var test = new TestRun();
        await test.Run(test.Options(), evaluates: false).RunAsync();

        var again = () => test.Run(test.Options() with { OverwriteOutputDir = false, ResumeFromCheckpoint = "false" }, evaluates: false).RunAsync();

        (await again.Should().ThrowAsync<Models.GramException>()).WithMessage("*holds an earlier run*");
    }

    [Fact]
    public async Task Resume_FromACheckpointOfAnotherKindOfRun_LeavesTheFolderAsItWas()
    {
        using var test = new TestRun();
        var remax = test.Options() with { Advantage = Advantage.Remax, MaxSteps = 2, SaveSteps = 1 };
        await test.Run(remax, evaluates: false).RunAsync();
        var before = Snapshot(test.Output("run"));

        // remax has no value model, which gae needs.
        var run = () => test.Run(remax with { Advantage = Advantage.Gae, ResumeFromCheckpoint = Path.Combine(test.Output("run"), "checkpoint-1") }, evaluates: false).RunAsync();

        (await run.Should().ThrowAsync<GramException>()).WithMessage("*value_optimizer*");
        Snapshot(test.Output("run")).Should().Equal(before);

        static string[] Snapshot(string folder) => [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order().Select(path => $"{path} {new FileInfo(path).Length}")];
    }

    [Fact]
    public async Task Resume_WithOtherPromptsOrAnotherSeed_SaysWhatDiffers()
    {
        using var test = new TestRun();
        var options = test.Options() with { SaveSteps = 1 };
        await test.Run(options, evaluates: false).RunAsync();
        var resumed = options with { ResumeFromCheckpoint = "true" };

        var fewer = () => test.Run(resumed, evaluates: false, [.. TestRun.Prompts.Take(4)]).RunAsync();
        var reseeded = () => test.Run(resumed with { Seed = 8 }, evaluates: false).RunAsync();

        (await fewer.Should().ThrowAsync<GramException>()).WithMessage("*checkpoint-2*prompts 10, this run has 4*");
        (await reseeded.Should().ThrowAsync<GramException>()).WithMessage("*checkpoint-2*seed 7, this run has 8*");
    }

    [Fact]
    public async Task Resume_FromAStateThatLacksAPart_NamesIt()
    {
        using var test = new TestRun();
        var options = test.Options() with { MaxSteps = 1, SaveSteps = 1 };
        await test.Run(options, evaluates: false).RunAsync();
        var path = Path.Combine(test.Output("run"), "checkpoint-1", "trainer_state.json");
        var state = JsonNode.Parse(File.ReadAllText(path))!;
        state["ppo"]!.AsObject().Remove("sampling");
        File.WriteAllText(path, state.ToJsonString());

        var run = () => test.Run(options with { MaxSteps = 2, ResumeFromCheckpoint = "true" }, evaluates: false).RunAsync();

        (await run.Should().ThrowAsync<GramException>()).WithMessage("*checkpoint-1: its trainer_state.json lacks ppo.sampling; name another checkpoint");
    }

    [Fact]
    public async Task Resume_AtTheLastStep_SaysTheSameAndBeyondItIsRefused()
    {
        using var test = new TestRun();
        var options = test.Options() with { SaveSteps = 1 };
        var finished = await test.Run(options, evaluates: false).RunAsync();

        var again = await test.Run(options with { ResumeFromCheckpoint = "true" }, evaluates: false).RunAsync();
        var shorter = () => test.Run(options with { MaxSteps = 1, ResumeFromCheckpoint = "true" }, evaluates: false).RunAsync();

        finished.Kl.Should().NotBe(0);
        again.Kl.Should().Be(finished.Kl);
        (await shorter.Should().ThrowAsync<GramException>()).WithMessage("*checkpoint-2: stands after step 2, and this run ends with step 1; *");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Resume_FromACheckpointWrittenBesideTheRun_GivesTheSameBits(bool background)
    {
        using var test = new TestRun();
        await test.Run(Options(test, "straight") with { SaveSteps = 1, BackgroundSave = background }).RunAsync();

        await test.Run(Options(test, "resumed") with { ResumeFromCheckpoint = Path.Combine(test.Output("straight"), "checkpoint-2") }).RunAsync();

        // In a folder of its own, it has the steps after the checkpoint.
        Metrics(test.Output("resumed")).Should().Equal(Metrics(test.Output("straight"))[2..]);
        foreach (var file in new[] { "model.safetensors", "value_model/value_head.safetensors" })
            File.ReadAllBytes(Path.Combine(test.Output("resumed"), file)).Should().Equal(File.ReadAllBytes(Path.Combine(test.Output("straight"), file)), file);
    }

    [Fact]
    public async Task Checkpoints_BeyondTheLimit_AreDeleted()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { MaxSteps = 3, SaveSteps = 1, SaveTotalLimit = 2 }, evaluates: false).RunAsync();

        Directory.GetDirectories(test.Output("run"), "checkpoint-*").Select(Path.GetFileName).Should().BeEquivalentTo("checkpoint-2", "checkpoint-3");
    }

    /// <summary>Every part of the state moves: schedule, adaptive KL, running scale, prompt order over an epoch's end, both optimisers.</summary>
    internal static PpoOptions Options(TestRun test, string output) => test.Options(output) with
    {
        MaxSteps = 4,
        PpoEpochs = 2,
        PpoTarget = 0.5,
        KlHorizon = 100,
        LrSchedulerType = Training.Optimisation.LrSchedulerType.Cosine,
        WarmupSteps = 2,
        EvalSteps = 2,
    };

    private static async Task Interrupt(TestRun test, PpoOptions options, Action<CancellationTokenSource, int> onStep)
    {
        using var cancel = new CancellationTokenSource();
        test.OnStep = step => onStep(cancel, step.Step);
        var run = () => test.Run(options).RunAsync(cancel.Token);
        await run.Should().ThrowAsync<OperationCanceledException>();
        test.OnStep = null;
    }

    internal static void ShouldBeTheSame(TestRun test)
    {
        var (straight, resumed) = (test.Output("straight"), test.Output("resumed"));
        Metrics(resumed).Should().Equal(Metrics(straight));
        File.ReadAllLines(Path.Combine(resumed, "samples.jsonl")).Should().Equal(File.ReadAllLines(Path.Combine(straight, "samples.jsonl")));
        foreach (var file in Directory.GetFiles(straight, "*.safetensors", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(straight, path)))
            File.ReadAllBytes(Path.Combine(resumed, file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(straight, file))).Should().BeTrue(file);
    }

    private static string[] Metrics(string directory) =>
    [
        .. File.ReadAllLines(Path.Combine(directory, "trainer_log.jsonl")).Select(line => string.Join(' ', JsonNode.Parse(line)!.AsObject()
            .Where(metric => !StepMetrics.IsOfTheMachine(metric.Key)).Select(metric => $"{metric.Key}={metric.Value}")))
    ];
}
