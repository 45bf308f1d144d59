using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Runs;
using Gram.Ppo.Stages;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Judging;
using Gram.Training.Parallel;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

/// <summary>async_steps, and what overlaps without it: the order is by events, never by timings.</summary>
public sealed class OverlapTests : IDisposable
{
    private readonly TestRun test = new();

    public void Dispose() => test.Dispose();

    [Fact]
    public async Task Run_OneStepAhead_MakesTheNextRolloutBeforeItLearns()
    {
        await test.Run(test.Options() with { MaxSteps = 3, AsyncSteps = 1 }, evaluates: false).RunAsync();

        test.Stages.Select(stage => (stage.Step, stage.Stage)).Should().Equal(
            (1, "generate"), (1, "judge"), (1, "score"), (2, "generate"), (2, "judge"), (2, "score"), (1, "advantage"), (1, "update"),
            (3, "generate"), (3, "judge"), (3, "score"), (2, "advantage"), (2, "update"),
            (3, "advantage"), (3, "update"), (3, "save"));
        // A PPO step has two optimiser steps.
        test.Steps.Select(step => step.Metrics["gram/policy_lag"]).Should().Equal(0, 2, 2);
        test.Steps.Select(step => step.Metrics["episode"]).Should().Equal(8, 16, 24);
        test.Steps.Should().OnlyContain(step => step.Metrics.ContainsKey("time/generate") && step.Metrics.ContainsKey("time/judge_wait"));
    }

    /// <summary>A judge that answers only when the tokens of a later stage are being scored: a run that awaited it before would wait forever.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Run_JudgeElsewhere_IsAwaitedBehindWhatTheDeviceCanDo(int asyncSteps)
    {
        var options = test.Options("slow") with { MaxSteps = 3, AsyncSteps = asyncSteps };
        var scored = Enumerable.Range(0, 4).Select(_ => new TaskCompletionSource()).ToArray();
        test.OnStage = stage =>
        {
            if (stage.Stage == "score") scored[stage.Step].SetResult();
        };
        var slow = new JudgeElsewhere(new LetterJudge(), (call, _) => scored[Math.Min(call + asyncSteps, 3)].Task);

        await test.Run(options, evaluates: false, judge: slow).RunAsync();
        test.OnStage = null;
        await test.Run(options with { OutputDir = test.Output("quick") }, evaluates: false).RunAsync();

        Weights("slow").Should().Equal(Weights("quick"), "the order on the device is the same, whenever the judge answers");
    }

    [Fact]
    public async Task Run_OneStepAheadAtRateZero_HasEveryRatioExactlyOne()
    {
        await test.Run(test.Options() with { MaxSteps = 3, AsyncSteps = 1, LearningRate = 0, ValueLearningRate = 0, PpoEpochs = 2, TopP = 0.9 }, evaluates: false).RunAsync();

        test.Steps.Should().HaveCount(3).And.OnlyContain(step =>
            step.Metrics["val/ratio"] == 1 && step.Metrics["val/ratio_var"] == 0 && step.Metrics["policy/clipfrac_avg"] == 0 && step.Metrics["objective/kl"] == 0);
    }

    /// <summary>The stages by hand, in the documented order. Fails where a rollout is scored with other weights than those that made it.</summary>
    [Fact]
    public async Task Run_OneStepAhead_IsItsStagesInTheDocumentedOrder()
    {
        var options = test.Options() with { MaxSteps = 4, AsyncSteps = 1, PpoEpochs = 2 };
        await test.Run(options, evaluates: false).RunAsync();

        using var models = new RunModels(options, ScalarType.Float32, CPU, null, "", SoleProcess.Instance);
        var tokenizer = Tokenizer.Load(options.ModelNameOrPath);
        var root = new RandomSource(options.Seed);
        var (sampling, shuffling, ordering) = (root.Fork(), root.Fork(), root.Fork());
        var prompts = new PromptRenderer(tokenizer, null, null, GramConfig.Published.TurnFormat, 40).Render(TestRun.Prompts, "training");
        var order = new PromptOrder(prompts, ordering);
        var generating = new RolloutStage(models.Policy, new SharedGenerator(new Models.Generation.Generator(models.Policy, [TinyPolicy.End], TinyPolicy.End), SoleProcess.Instance), options, sampling);
        var scoring = new TokenScoringStage(models.Policy, models.Reference, models.Value!.Value.Model, options, TinyPolicy.End, SoleProcess.Instance);
        var judging = new JudgingStage(new PairScoring(new LetterJudge(), GramConfig.Published, options.MarkerPenalty), new AnswerText(tokenizer, 0), RewardFrom.Reference, Reference.Greedy, [], new TermScoring([], tokenizer, false, SoleProcess.Instance));
        var crediting = new RewardStage(options, new KlController(options.KlCoef, null, options.KlHorizon), new RewardNormaliser());
        var learning = new LearnerStage(models.Policy, models.Optimizer, models.Value, options, options.MaxSteps, shuffling, new EventBroker<Notice>(), SoleProcess.Instance);

        var next = Make(1);
        for (var step = 1; step <= 4; step++)
        {
            var current = next;
            if (step < 4) next = Make(step + 1);
            using var before = models.Policy.Clone();
            var judgement = await judging.Begin(current.Rollout, default).TakeAsync();
            using var update = learning.Learn(crediting.Credit(new(current, judgement)));
            if (step == 4) continue;
            ShouldBeScoredBy(before, next, isIt: true);
            ShouldBeScoredBy(models.Policy, next, isIt: false);
        }

        using var store = TensorStore.OpenFile(Path.Combine(test.Output("run"), "model.safetensors"));
        foreach (var (name, weight) in models.Policy.Parameters)
        {
            using var saved = store.Load(name);
            weight.detach().ShouldBeNear(saved, 0);
        }

        ScoredRollout Make(int step) => scoring.Score(generating.Generate(order.Next(step, options.PromptsPerStep), default));

        void ShouldBeScoredBy(CausalLM policy, ScoredRollout scored, bool isIt)
        {
            using var again = new TokenScoringStage(policy, models.Reference, null, options, TinyPolicy.End, SoleProcess.Instance).Score(scored.Rollout);
            again.OldLogProbs.data<float>().SequenceEqual(scored.OldLogProbs.data<float>()).Should().Be(isIt);
        }
    }

    /// <summary>Fails where anything of the rollout in flight is left out of a checkpoint, or made again by weights that did not make it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Resume_AfterAnyStep_GivesTheSameBits(int step) => await ResumeAsync(Options(), cancel => test.OnStep = logged =>
    {
        if (logged.Step == step) cancel();
    });

    [Theory]
    [InlineData("generate")]
    [InlineData("judge")]
    [InlineData("score")]
    [InlineData("advantage")]
    [InlineData("update")]
    public async Task Resume_AfterACancelInTheMiddle_GivesTheSameBits(string stage) => await ResumeAsync(Options(), cancel => test.OnStage = started =>
    {
        if ((started.Step, started.Stage) == (3, stage)) cancel();
    });

    [Theory]
    [InlineData("filters")]
    [InlineData("remax")]
    [InlineData("rloo")]
    [InlineData("initial")]
    [InlineData("shared value")]
    public async Task Resume_WithOtherSettings_GivesTheSameBits(string setting)
    {
        var options = Options();
        options = setting switch
        {
            "filters" => options with { TopK = 5, TopP = 0.9, Temperature = 0.8 },
            "remax" => options with { Advantage = Advantage.Remax, RewardWeights = ["length=0.1"] },
            "rloo" => options with { Advantage = Advantage.Rloo, NumSamples = 2, RewardFrom = RewardFrom.RoundRobin },
            "initial" => options with { Reference = Reference.Initial },
            _ => options with { ValueModel = ValueModelKind.Shared },
        };
        await ResumeAsync(options, cancel => test.OnStep = logged =>
        {
            if (logged.Step == 2) cancel();
        });
    }

    /// <summary>Written while the run goes on: the rollout in flight may be learnt from, and gone, before it is on the disk.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Resume_FromACheckpointWrittenBesideTheRun_GivesTheSameBits(bool background)
    {
        await test.Run(Options() with { SaveSteps = 1, BackgroundSave = background }).RunAsync();

        foreach (var step in new[] { 1, 3, 4 })
        {
            await test.Run(Options() with { OutputDir = test.Output("resumed"), ResumeFromCheckpoint = Path.Combine(test.Output("straight"), $"checkpoint-{step}") }).RunAsync();
            Weights("resumed").Should().Equal(Weights("straight"));
        }
        File.Exists(Path.Combine(test.Output("straight"), "checkpoint-5", "rollout.safetensors")).Should().BeFalse("the last step makes no rollout");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public async Task Resume_WithTheOtherAsyncSteps_GoesOnWithWhatThereIs(int before, int after)
    {
        await test.Run(Options() with { AsyncSteps = before, SaveSteps = 2 }).RunAsync();
        test.Steps.Clear();
        test.Stages.Clear();

        await test.Run(Options() with { AsyncSteps = after, OutputDir = test.Output("resumed"), ResumeFromCheckpoint = Path.Combine(test.Output("straight"), "checkpoint-2") }, evaluates: false).RunAsync();

        // A step has four optimiser steps. The rollout in flight is the first step's; where there is none, the first two are made with the same weights.
        test.Steps.Select(step => step.Metrics["gram/policy_lag"]).Should().Equal(after == 1 ? [0, 4, 4] : [4, 0, 0]);
        test.Stages[0].Stage.Should().Be(after == 1 ? "generate" : "judge");
    }

    [Fact]
    public async Task Resume_WithAnotherKindOfRollout_SaysWhatDiffers()
    {
        await test.Run(Options() with { MaxSteps = 2, SaveSteps = 1 }, evaluates: false).RunAsync();
        var resumed = Options() with { MaxSteps = 2, ResumeFromCheckpoint = Path.Combine(test.Output("straight"), "checkpoint-1") };

        await ShouldFail(resumed with { PpoBufferSize = 4 }, "*checkpoint-1: the rollout that it holds (async_steps) was made with other settings: responses 8, and this run has 16; resume with those of the checkpoint");
        await ShouldFail(resumed with { NumSamples = 2 }, "*samples a prompt 1, and this run has 2*");
        await ShouldFail(resumed with { Temperature = 0.5 }, "*temperature 1, and this run has 0.5*");
        File.Delete(Path.Combine(resumed.ResumeFromCheckpoint!, "rollout.safetensors"));
        await ShouldFail(resumed, "*rollout.safetensors*");

        async Task ShouldFail(PpoOptions options, string message)
        {
            var run = () => test.Run(options, evaluates: false).RunAsync();
            (await run.Should().ThrowAsync<GramException>()).WithMessage(message);
        }
    }

    /// <summary>A subscriber stops the run while the next rollout is being judged: nobody waits for that judge.</summary>
    [Fact]
    public async Task Stop_WhileTheNextRolloutIsJudged_GivesItUpAndKeepsIt()
    {
        await test.Run(Options(), evaluates: false).RunAsync();
        CancellationToken given = default;
        var judge = new JudgeElsewhere(new LetterJudge(), (call, cancellationToken) =>
        {
            given = cancellationToken;
            return call == 3 ? Task.Delay(Timeout.Infinite, cancellationToken) : Task.CompletedTask;
        });
        test.OnStep = step =>
        {
            if (step.Step == 2) throw new RunStoppedException("enough");
        };

        var stopped = () => test.Run(Options() with { OutputDir = test.Output("resumed") }, evaluates: false, judge: judge).RunAsync();

        (await stopped.Should().ThrowAsync<RunStoppedException>()).WithMessage("stopped after step 2: enough*checkpoint-2");
        given.IsCancellationRequested.Should().BeTrue();
        test.OnStep = null;
        await test.Run(Options() with { OutputDir = test.Output("resumed"), ResumeFromCheckpoint = "true" }, evaluates: false).RunAsync();
        ResumeTests.ShouldBeTheSame(test);
    }

    [Fact]
    public async Task Judge_ThatFailsElsewhere_IsTheRunsError()
    {
        var judge = new JudgeElsewhere(new LetterJudge(), (call, _) => call == 2 ? throw new GramException("the judge is gone") : Task.CompletedTask);

        var run = () => test.Run(Options(), evaluates: false, judge: judge).RunAsync();

        (await run.Should().ThrowAsync<GramException>()).WithMessage("the judge is gone");
        test.Steps.Should().ContainSingle();
    }

    [Fact]
    public async Task Run_OneStepAhead_LeaksNoTensors()
    {
        List<long> live = [];
        test.OnStep = _ => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        await test.Run(Options() with { MaxSteps = 6 }, evaluates: false).RunAsync();

        live.Skip(1).SkipLast(1).Distinct().Should().ContainSingle("the last step has no rollout beside it");
        live[^1].Should().BeLessThan(live[1]);
    }

    [Fact]
    public async Task Options_MoreThanOneStepAhead_AreRefused()
    {
        var run = () => test.Run(test.Options() with { AsyncSteps = 2 }).RunAsync();

        (await run.Should().ThrowAsync<GramException>()).WithMessage("*AsyncSteps must be between 0 and 1*");
    }

    private PpoOptions Options() => ResumeTests.Options(test, "straight") with { MaxSteps = 5, AsyncSteps = 1 };

    /// <summary>A run of all steps, and one that is cancelled and resumed.</summary>
    private async Task ResumeAsync(PpoOptions options, Action<Action> arm)
    {
        await test.Run(options).RunAsync();
        using var cancel = new CancellationTokenSource();
        arm(cancel.Cancel);

        var run = () => test.Run(options with { OutputDir = test.Output("resumed") }).RunAsync(cancel.Token);
        await run.Should().ThrowAsync<OperationCanceledException>();
        (test.OnStep, test.OnStage) = (null, null);
        await test.Run(options with { OutputDir = test.Output("resumed"), ResumeFromCheckpoint = "true" }).RunAsync();

        ResumeTests.ShouldBeTheSame(test);
    }

    private byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(test.Output(run), "model.safetensors"));
}
