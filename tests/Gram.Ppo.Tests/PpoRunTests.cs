using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

public sealed class PpoRunTests
{
    [Theory]
    [InlineData(Advantage.Gae, 1, RewardFrom.Reference)]
    [InlineData(Advantage.Remax, 1, RewardFrom.Reference)]
    [InlineData(Advantage.Rloo, 4, RewardFrom.Reference)]
    [InlineData(Advantage.Grpo, 4, RewardFrom.RoundRobin)]
    public async Task Run_WithARuleForAJudge_LearnsTheRule(Advantage advantage, int samples, RewardFrom from)
    {
        using var test = new TestRun();

        var result = await test.Run(test.Options() with
        {
            Advantage = advantage,
            NumSamples = samples,
            RewardFrom = from,
            MaxSteps = 25,
            PerDeviceTrainBatchSize = 16,
            GradientAccumulationSteps = 1,
            PpoBufferSize = 2,
            PpoEpochs = 2,
            LearningRate = 3e-3,
            ValueLearningRate = 3e-3,
            KlCoef = 0.01,
        }).RunAsync();

        result.Gold!.After.Low.Should().BeGreaterThan(result.Gold.Before.High);
        result.WinRate!.Judge.Mean.Should().BeGreaterThan(0.8);
        result.Kl.Should().BeGreaterThan(0);
        result.Examples.Should().HaveCount(3).And.OnlyContain(example => example.After.Contains('a'));
    }

    /// <summary>The judge, which weighs nothing here, wants the letter a; the reward of one's own wants h.</summary>
    [Theory]
    [InlineData(Advantage.Remax)]
    [InlineData(Advantage.Gae)]
    public async Task Run_RewardOfOnesOwn_IsWhatThePolicyLearns(Advantage advantage)
    {
        using var test = new TestRun();
        var own = new OwnReward("own", response => response.Response.Count(letter => letter == 'h'));

        await test.Run(test.Options() with
        {
            Advantage = advantage,
            RewardWeights = ["judge=0", "length=0.1"],
            MaxSteps = 25,
            PerDeviceTrainBatchSize = 16,
            GradientAccumulationSteps = 1,
            PpoEpochs = 2,
            LearningRate = 3e-3,
            ValueLearningRate = 3e-3,
            KlCoef = 0.01,
        }, evaluates: false, rewards: [own]).RunAsync();

        var (first, last) = (test.Steps[0].Metrics, test.Steps[^1].Metrics);
        last["reward/own"].Should().BeGreaterThan(first["reward/own"] + 1);
        foreach (var metrics in (IReadOnlyDictionary<string, double>[])[first, last])
        {
            metrics["objective/scores"].Should().BeApproximately(metrics["reward/own"] + (0.1 * metrics["reward/length"]), 1e-9);
            metrics["reward/length"].Should().BeApproximately(-metrics["tokens/response_len_mean"] / 8, 1e-9);
        }
    }

    /// <summary>The pull towards the reference in the loss, strong enough to be all there is, holds the policy where it began.</summary>
    [Fact]
    public async Task Run_KlInTheLoss_HoldsThePolicy()
    {
        using var test = new TestRun();
        var options = test.Options() with { Advantage = Advantage.Rloo, NumSamples = 4, MaxSteps = 8, PerDeviceTrainBatchSize = 16, GradientAccumulationSteps = 1, LearningRate = 3e-3, KlIn = KlIn.Loss };

        var free = await test.Run(options with { KlCoef = 0 }, evaluates: false).RunAsync();
        var held = await test.Run(options with { KlCoef = 5 }, evaluates: false).RunAsync();

        free.Kl.Should().BeGreaterThan(0.2);
        held.Kl.Should().BeLessThan(free.Kl / 3);
        test.Steps.Should().OnlyContain(step => step.Metrics["objective/non_score_reward"] == 0);
    }

    /// <summary>β falls while the policy is nearer to its reference than ppo_target, by at most a fifth of n/horizon a step, and is 0.05 in the first.</summary>
    [Fact]
    public async Task Run_AdaptiveKl_SteersTheWeight()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { MaxSteps = 3, PpoTarget = 1000, KlHorizon = 16 }, evaluates: false).RunAsync();

        var factor = 1 - (0.2 * 8 / 16);
        test.Steps.Select(step => step.Metrics["objective/kl_coef"]).Zip([0.05, 0.05 * factor, 0.05 * factor * factor], (actual, expected) => Math.Abs(actual - expected)).Should().OnlyContain(gap => gap < 1e-12);
    }

    [Fact]
    public async Task Run_FirstStep_HasNoKlAndAgreesWithTheDecoder()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { MaxSteps = 1, LearningRate = 0, PpoEpochs = 2, Temperature = 0.7, TopK = 6, TopP = 0.9, MinP = 0.05 }, evaluates: false).RunAsync();

        var metrics = test.Steps.Single().Metrics;
        metrics["objective/kl"].Should().Be(0);
        metrics["objective/kl_k3"].Should().Be(0);
        metrics["val/ratio"].Should().Be(1);
        metrics["val/ratio_var"].Should().Be(0);
        metrics["policy/clipfrac_avg"].Should().Be(0);
        metrics["gram/logprob_gap_max"].Should().BeLessThan(1e-4);
    }

    /// <summary>Near 0 each sample is the greedy answer, of which the reference is certain: fails where the samples are drawn, or their log-probs taken, at the rollouts' temperature.</summary>
    [Fact]
    public async Task Run_EvalTemperature_IsThatOfEvaluationsAlone()
    {
        using var test = new TestRun();
        var options = test.Options() with { MaxSteps = 1, LearningRate = 0, EvalSteps = 1 };

        await test.Run(options).RunAsync();
        await test.Run(options with { EvalTemperature = 0.001 }).RunAsync();

        var (own, apart) = (test.Steps[0].Metrics, test.Steps[1].Metrics);
        own["eval/reference_perplexity"].Should().BeGreaterThan(2);
        apart["eval/reference_perplexity"].Should().BeApproximately(1, 0.01);
        apart["objective/entropy"].Should().Be(own["objective/entropy"]);
    }

    /// <summary>Fails where bfloat16 weights are stepped themselves, which swallow small updates, or a checkpoint holds the rounded ones.</summary>
    [Fact]
    public async Task Run_InBFloat16_StartsAtItsReferenceAndKeepsFloat32Weights()
    {
        using var test = new TestRun { DType = ScalarType.BFloat16 };

        await test.Run(test.Options() with { MaxSteps = 2, SaveSteps = 2, LearningRate = 1e-5, ValueLearningRate = 1e-5 }, evaluates: false).RunAsync();

        test.Steps[0].Metrics["objective/kl"].Should().Be(0);
        using var initial = TinyPolicy.Create();
        foreach (var optimizer in new[] { "optimizer", "value_optimizer" })
        {
            using var store = TensorStore.OpenFile(Path.Combine(test.Output("run"), "checkpoint-2", optimizer + ".safetensors"));
            using var master = store.Load("master.model.layers.0.mlp.up_proj.weight");
            master.dtype.Should().Be(ScalarType.Float32);
            // Steps of 1e-5 are below bf16's resolution at these weights; the masters, never rounded, have taken them.
            using var moved = (master - initial.Parameters["model.layers.0.mlp.up_proj.weight"]).abs();
            moved.max().Value().Should().BeInRange(1e-6, 1e-4, optimizer);
        }
    }

    /// <summary>Fails where a judge is given the policy's token ids, or must share its tokenizer: this one's tokens are bytes, the policy's letters.</summary>
    [Fact]
    public async Task Run_WithAJudgeOfAnotherTokenizer_IsJudgedAsText()
    {
        using var test = new TestRun();
        using var folder = new TemporaryDirectory();
        using var judge = Reward.Judging.GramJudge.Load(TinyCheckpoint.Create(folder.File("judge"), context: 4096));

        await test.Run(test.Options() with { MaxSteps = 1 }, evaluates: false, judge: judge).RunAsync();

        foreach (var sample in test.Samples.Single().Samples)
        {
            sample.Response.Should().MatchRegex("^[a-h ]*$");
            var score = (await judge.ScoreAsync([new(sample.Prompt, sample.Response, sample.Reference)]))[0];
            sample.Score.Should().BeApproximately(score.ScoreA, 1e-5);
        }
    }

    [Fact]
    public async Task Run_Metrics_HaveTrlsNames()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { EvalSteps = 2 }).RunAsync();

        test.Steps[0].Metrics.Keys.Should().Contain(
        [
            "eps", "objective/kl", "objective/kl_coef", "objective/entropy", "objective/non_score_reward", "objective/scores", "objective/rlhf_reward",
            "policy/approxkl_avg", "policy/clipfrac_avg", "policy/entropy_avg", "loss/policy_avg", "loss/value_avg", "val/clipfrac_avg", "val/ratio",
            "val/ratio_var", "val/var_explained", "val/num_eos_tokens", "lr", "episode", "gram/win_rate", "gram/order_disagreement", "gram/marker_rate", "gram/distinct_2",
            "gram/logprob_gap", "reward/judge", "tokens/response_len_mean", "tokens/truncated_rate", "time/generate", "time/judge", "time/score", "time/update", "time/step",
            "throughput/generate_tokens_per_s", "throughput/train_tokens_per_s", "throughput/judge_pairs_per_s", "memory/peak_bytes",
        ]);
        test.Steps[0].Metrics.Should().NotContainKey("eval/gold");
        test.Steps[1].Metrics.Keys.Should().Contain(["eval/win_rate_vs_initial", "eval/gold", "eval/kl"]);
        test.Steps[1].Metrics["episode"].Should().Be(16);
        test.Steps[0].Metrics["gram/order_disagreement"].Should().BeInRange(0.01, 0.02 + 1e-9);
    }

    /// <summary>Fails where the words of the prompt count, which every answer begins with.</summary>
    [Fact]
    public async Task Run_Distinct2_IsOfWhatThePolicyWrote()
    {
        using var test = new TestRun();
        var term = new OwnReward("own", _ => 0);
        var prompts = TestRun.Prompts.Select(prompt => new Prompt(prompt.Question) { AnswerPrefix = "a b a b a b" }).ToList();

        await test.Run(test.Options() with { MaxSteps = 1 }, evaluates: false, prompts: prompts, rewards: [term]).RunAsync();

        var answers = term.Asked.Single().Where(response => !response.IsReference).Select(response => response.Response).ToList();
        answers.Should().OnlyContain(answer => answer.StartsWith("a b a b a b"));
        var pairs = answers.Select(answer => answer["a b a b a b".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)).SelectMany(words => words.Zip(words.Skip(1))).ToList();
        test.Steps.Single().Metrics["gram/distinct_2"].Should().BeApproximately((double)pairs.Distinct().Count() / pairs.Count, 1e-12);
    }

    [Fact]
    public async Task Run_Stages_FollowOneAnother()
    {
        using var test = new TestRun();

        await test.Run(test.Options(), evaluates: false).RunAsync();

        test.Stages.Select(stage => (stage.Step, stage.Stage)).Should().Equal(
            (1, "generate"), (1, "judge"), (1, "score"), (1, "advantage"), (1, "update"),
            (2, "generate"), (2, "judge"), (2, "score"), (2, "advantage"), (2, "update"), (2, "save"));
    }

    [Fact]
    public async Task Run_Output_IsAModelWithTokenizerSamplesAndLog()
    {
        using var test = new TestRun();

        var result = await test.Run(test.Options() with { MaxShardSize = "5KB" }).RunAsync();

        result.Model.Should().Be(test.Output("run"));
        foreach (var folder in (string[])[result.Model, Path.Combine(result.Model, "value_model")]) File.Exists(Path.Combine(folder, "model.safetensors.index.json")).Should().BeTrue(folder);
        using var model = CausalLM.Load(result.Model);
        Tokenizer.Load(result.Model).Encode("a b").Should().Equal(2, 1, 3);
        new Models.Generation.Generator(model, [TinyPolicy.End], TinyPolicy.End)
            .Generate([[2]], new SamplingOptions { MaxNewTokens = 4 }, greedy: true, samples: 0, new Models.RandomSource(1)).Should().HaveCount(1);
        using (ValueModel.Load(Path.Combine(result.Model, "value_model"))) { }
        var samples = File.ReadAllLines(Path.Combine(result.Model, "samples.jsonl")).Select(line => JsonNode.Parse(line)!).ToArray();
        samples.Select(sample => (int)sample["step"]!).Should().Equal(1, 1, 1, 1, 2, 2, 2, 2);
        test.Samples.SelectMany(logged => logged.Samples).Select(sample => sample.Response).Should().Equal(samples.Select(sample => (string)sample["response"]!));
        File.ReadAllLines(Path.Combine(result.Model, "trainer_log.jsonl")).Should().HaveCount(2);
    }

    [Fact]
    public async Task Run_StopTokens_EndResponsesAsEndTokensDo()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { StopTokens = ["b", "e"] }, evaluates: false).RunAsync();

        var samples = test.Samples.SelectMany(logged => logged.Samples).ToList();
        samples.Should().Contain(sample => sample.Ended && (sample.Response.EndsWith('b') || sample.Response.EndsWith('e')));
        samples.Should().OnlyContain(sample => !sample.Response.SkipLast(1).Any(letter => letter == 'b' || letter == 'e'), "a stop token is its response's last");
        var missing = () => test.Run(test.Options("none") with { StopTokens = ["b", "ab"] }, evaluates: false).RunAsync();
        await missing.Should().ThrowAsync<Models.GramException>().WithMessage("stop_tokens: no token of the policy holds 'ab'*");
    }

    [Fact]
    public async Task Run_SameSeed_GivesTheSameNumbers()
    {
        using var test = new TestRun();

        var one = await test.Run(test.Options("one")).RunAsync();
        var two = await test.Run(test.Options("two")).RunAsync();
        var three = await test.Run(test.Options("three") with { Seed = 8 }).RunAsync();

        two.WinRate.Should().Be(one.WinRate);
        two.Kl.Should().Be(one.Kl);
        three.Kl.Should().NotBe(one.Kl);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Run_HeldOutKlAboveTheLimit_EndsDoneWithTheEvaluationBefore(int asyncSteps)
    {
        using var test = new TestRun();
        var options = BudgetOf(test, 0.2) with { AsyncSteps = asyncSteps };

        var result = await test.Run(options).RunAsync();

        var evaluated = test.Steps.Where(step => step.Metrics.ContainsKey("eval/kl")).ToList();
        evaluated.SkipLast(1).Should().NotBeEmpty().And.OnlyContain(step => step.Metrics["eval/kl"] <= 0.2);
        evaluated[^1].Metrics["eval/kl"].Should().BeGreaterThan(0.2);
        evaluated[^1].Step.Should().Be(result.Steps + 2).And.BeLessThan(40);
        evaluated[^2].Metrics["eval/kl"].Should().Be(result.Kl);
        RunDirectory.GlobalStep(result.Model).Should().Be(result.Steps);
        test.Notices.Should().ContainSingle(notice => notice.Text.StartsWith($"the run ends after step {result.Steps + 2} of 40", StringComparison.Ordinal) && !notice.IsWarning);

        var there = await test.Run(options with { OutputDir = test.Output("there"), MaxSteps = result.Steps, MaxEvalKl = null }).RunAsync();
        there.Should().BeEquivalentTo(result, like => like.Excluding(value => value.Seconds).Excluding(value => value.Model));
        Weights(there.Model).Should().Equal(Weights(result.Model));
    }

    [Fact]
    public async Task Run_ResumedAfterTheLimitEndedIt_EndsThereAgain()
    {
        using var test = new TestRun();
        var options = BudgetOf(test, 0.2);

        var once = await test.Run(options).RunAsync();
        var weights = Weights(once.Model);
        var again = await test.Run(options with { ResumeFromCheckpoint = "true" }).RunAsync();

        test.Notices.Should().Contain(notice => notice.Text.StartsWith("resumed", StringComparison.Ordinal) && notice.Text.EndsWith($"after step {once.Steps + 1}", StringComparison.Ordinal)); // the newest is not the one that it goes back to
        again.Should().BeEquivalentTo(once, result => result.Excluding(value => value.Seconds));
        Weights(again.Model).Should().Equal(weights);
    }

    [Fact]
    public async Task Run_CheckpointWithinTheLimitNotWritten_GoesBackToTheOneBefore()
    {
        using var test = new TestRun();
        var kept = (await test.Run(BudgetOf(test, 0.2)).RunAsync()).Steps;
        var options = BudgetOf(test, 0.2) with { OutputDir = test.Output("again") };
        test.OnStep = step =>
        {
            if (step.Step == kept) File.WriteAllText(Path.Combine(test.Output("again"), $"checkpoint-{kept}"), "in the way");
        };

        var result = await test.Run(options).RunAsync();

        test.Notices.Should().Contain(notice => notice.IsWarning && notice.Text.StartsWith($"the checkpoint of step {kept} was not written", StringComparison.Ordinal));
        result.Steps.Should().Be(kept - 2).And.BePositive();
    }

    [Fact]
    public async Task Run_ResumedWithALowerLimitAndNoStepLeft_GoesBackToo()
    {
        using var test = new TestRun();
        var once = await test.Run(BudgetOf(test, 0.2)).RunAsync();
        var options = BudgetOf(test, 0.2) with { OutputDir = test.Output("again"), MaxSteps = once.Steps + 2, SaveTotalLimit = null };
        var beyond = await test.Run(options with { MaxEvalKl = null }).RunAsync();

        var again = await test.Run(options with { ResumeFromCheckpoint = "true" }).RunAsync();

        beyond.Steps.Should().Be(once.Steps + 2);
        again.Should().BeEquivalentTo(once, result => result.Excluding(value => value.Seconds).Excluding(value => value.Model));
        Weights(again.Model).Should().Equal(Weights(once.Model));
    }

    [Fact]
    public async Task Run_FirstEvaluationAboveTheLimit_WarnsAndKeepsWhatItHas()
    {
        using var test = new TestRun();

        var result = await test.Run(BudgetOf(test, 0.01) with { LearningRate = 1e-2 }).RunAsync();

        result.Steps.Should().Be(2).And.Be(RunDirectory.GlobalStep(result.Model));
        result.Kl.Should().Be(test.Steps[^1].Metrics["eval/kl"]).And.BeGreaterThan(0.01);
        test.Notices.Should().ContainSingle(notice => notice.Text.StartsWith("the run ends after step 2 of 40", StringComparison.Ordinal) && notice.IsWarning);
    }

    [Fact]
    public async Task Run_WithGradientCheckpointing_GivesTheSameWeights()
    {
        using var test = new TestRun();

        var plain = await test.Run(test.Options("plain") with { LearningRate = 1e-3 }, evaluates: false).RunAsync();
        var checkpointed = await test.Run(test.Options("checkpointed") with { LearningRate = 1e-3, GradientCheckpointing = true }, evaluates: false).RunAsync();

        Weights(checkpointed.Model).Should().Equal(Weights(plain.Model));
    }

    [Fact]
    public async Task Run_WarmUp_ItsFirstStepChangesNothing()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { MaxSteps = 1, PpoBufferSize = 1, WarmupSteps = 1, LrSchedulerType = Training.Optimisation.LrSchedulerType.Linear }, evaluates: false).RunAsync();

        test.Notices.Should().ContainSingle(notice => notice.Text.Contains("rate 0", StringComparison.Ordinal));
        using var trained = CausalLM.Load(test.Output("run"));
        using var initial = TinyPolicy.Create();
        foreach (var (name, weight) in trained.Parameters) weight.ShouldBeNear(initial.Parameters[name], 0);
    }

    [Fact]
    public async Task Run_WarmUpThatTheScheduleLacks_IsWarnedOf()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { MaxSteps = 1, WarmupSteps = 3, LrSchedulerType = Training.Optimisation.LrSchedulerType.Constant }, evaluates: false).RunAsync();

        test.Notices.Should().ContainSingle(notice => notice.IsWarning && notice.Text.StartsWith("warmup_steps 3 does nothing", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Reference.Initial)]
    [InlineData(Reference.Dataset)]
    public async Task Run_OtherReferences_AreWhatSamplesAreJudgedAgainst(Reference reference)
    {
        using var test = new TestRun();
        var prompts = TestRun.Prompts.Select(prompt => prompt with { Reference = "<think>g</think> h h h\n" }).ToArray();

        await test.Run(test.Options() with { Reference = reference }, evaluates: false, prompts).RunAsync();

        var references = test.Samples.SelectMany(logged => logged.Samples).ToLookup(sample => sample.Prompt, sample => sample.Reference);
        references.Should().OnlyContain(group => group.Distinct().Count() == 1);
        if (reference == Reference.Dataset) references.SelectMany(group => group).Should().OnlyContain(text => text == "h h h", "it is read as a response is");
    }

    [Fact]
    public async Task Run_SeveralSamplesAPrompt_FillTheRollout()
    {
        using var test = new TestRun();

        await test.Run(test.Options() with { MaxSteps = 1, NumSamples = 4 }, evaluates: false).RunAsync();

        test.Steps.Single().Metrics["episode"].Should().Be(8);
        test.Samples.Single().Samples.Select(sample => sample.Prompt).Distinct().Count().Should().BeLessOrEqualTo(2);
    }

    /// <summary>Fails where anything on the way of a skipped step, its samples.jsonl or its result, cannot hold a NaN.</summary>
    [Fact]
    public async Task Run_PolicyThatIsNoNumber_SkipsItsStepsAndSaysSo()
    {
        using var test = new TestRun();
        using (no_grad())
        using (var model = CausalLM.Load(test.Policy))
        {
            model.Weights["model.norm.weight"].fill_(float.NaN);
            model.Save(test.Policy);
        }

        var result = await test.Run(test.Options() with { PpoTarget = 1 }).RunAsync();

        test.Steps.Should().HaveCount(2).And.OnlyContain(step => step.Metrics["gram/skipped_steps"] == 2 && double.IsNaN(step.Metrics["objective/kl"]) && step.Metrics["objective/kl_coef"] == 0.05);
        File.ReadAllLines(Path.Combine(result.Model, "samples.jsonl")).Should().OnlyContain(line => (string)JsonNode.Parse(line)!["kl"]! == "NaN");
        ((string)System.Text.Json.JsonSerializer.SerializeToNode(result)!["kl"]!).Should().Be("NaN");
    }

    [Fact]
    public async Task Run_Steps_LeakNoTensors()
    {
        using var test = new TestRun();
        List<long> live = [];
        test.OnStep = _ => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        await test.Run(test.Options() with { MaxSteps = 5 }, evaluates: false).RunAsync();

        live.Skip(1).Distinct().Should().ContainSingle();
    }

    /// <summary>A run that ends where it has spent its nats, with a checkpoint after every step, of which the newest is kept.</summary>
    private static PpoOptions BudgetOf(TestRun test, double nats) => test.Options() with { MaxSteps = 40, EvalSteps = 2, SaveSteps = 1, SaveTotalLimit = 1, MaxEvalKl = nats };

    private static byte[] Weights(string model) => File.ReadAllBytes(Path.Combine(model, "model.safetensors"));
}
