using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;
using Gram.Training.Runs;

namespace Gram.Ppo.Tests;

public sealed class BadInputTests : IDisposable
{
    private readonly TestRun test = new();

    public void Dispose() => test.Dispose();

    [Fact]
    public Task Run_PromptLongerThanTheContext_NamesIt() =>
        ShouldFail(test.Options(), [new Prompt("a"), new Prompt(new string('b', 41))], "training prompt 2 is longer than the context: it has 41 tokens, and max_new_tokens leaves room for 40*");

    [Fact]
    public Task Run_EmptyPrompt_NamesIt() => ShouldFail(test.Options(), [new Prompt("")], "training prompt 1 is empty*");

    [Fact]
    public Task Run_ConversationWithoutATemplate_SaysWhatToSet() =>
        ShouldFail(test.Options(), [new Prompt(null, [new ChatMessage("user", "a"), new ChatMessage("assistant", "b"), new ChatMessage("user", "c")])], "*no chat template: set template*");

    [Fact]
    public Task Run_NoPrompts_SaysSo() => ShouldFail(test.Options(), [], "dataset: there is no training prompt*");

    [Fact]
    public Task Run_PromptWithoutItsOwnAnswer_IsRefusedWhereItIsTheReference() =>
        ShouldFail(test.Options() with { Reference = Reference.Dataset }, TestRun.Prompts, "training prompt 1 has no answer of its own*");

    [Fact]
    public Task Run_SamplesThatDoNotFillTheRollout_NamesBothNumbers() =>
        ShouldFail(test.Options() with { NumSamples = 3 }, TestRun.Prompts, "num_samples (3) must divide*8 responses");

    [Theory]
    [InlineData(Advantage.Rloo, 1, RewardFrom.Reference, null, null, "advantage: rloo compares*num_samples must be at least 2, and is 1")]
    [InlineData(Advantage.Gae, 2, RewardFrom.RoundRobin, null, null, "reward_from: round_robin is for rloo and grpo, and advantage is gae")]
    [InlineData(Advantage.Grpo, 2, RewardFrom.Reference, KlIn.Reward, null, "advantage: grpo keeps the KL term in the loss*")]
    [InlineData(Advantage.Grpo, 2, RewardFrom.Reference, null, true, "advantage: grpo standardises*ppo_score_norm*")]
    public Task Run_EstimatorThatCannot_SaysWhy(Advantage advantage, int samples, RewardFrom from, KlIn? kl, bool? norm, string message) =>
        ShouldFail(test.Options() with { Advantage = advantage, NumSamples = samples, RewardFrom = from, KlIn = kl, PpoScoreNorm = norm }, TestRun.Prompts, message);

    [Theory]
    [InlineData(Advantage.Remax, 1)]
    [InlineData(Advantage.Grpo, 2)]
    public Task Run_WhitenedRewardsWithoutAValueModel_AreRefused(Advantage advantage, int samples) =>
        ShouldFail(test.Options() with { Advantage = advantage, NumSamples = samples, PpoWhitenRewards = true }, TestRun.Prompts, $"ppo_whiten_rewards has no meaning with advantage: {advantage.ToString().ToLowerInvariant()}*");

    [Theory]
    [InlineData("drop")]
    [InlineData("penalty")]
    public Task Run_UnknownTruncation_ListsWhatIsAccepted(string truncation) =>
        ShouldFail(test.Options() with { Truncation = truncation }, TestRun.Prompts, "truncation must be keep, mask or 'penalty c'*");

    [Fact]
    public Task Run_ShardSizeThatIsNone_SaysHowToWriteOne() =>
        ShouldFail(test.Options() with { MaxShardSize = "5 gigabytes" }, TestRun.Prompts, "max_shard_size must be a size such as 5GB*");

    [Fact]
    public Task Run_MomentThatNeverDecays_IsRefused() => ShouldFail(test.Options() with { AdamBeta1 = 1 }, TestRun.Prompts, "*AdamBeta1*");

    [Fact]
    public Task Run_RewardTermThatIsNone_IsFoundBeforeTheModel() =>
        ShouldFail(test.Options() with { RewardWeights = ["lenght=1"] }, TestRun.Prompts, "reward_weights: there is no term lenght*");

    [Fact]
    public Task Run_LengthPenaltyWithoutRoom_NamesBothNumbers() =>
        ShouldFail(test.Options() with { LengthPenaltyFrom = 8 }, TestRun.Prompts, "length_penalty_from (8) must be below max_new_tokens (8)");

    [Fact]
    public Task Run_LengthTargetBeyondTheLongest_NamesBothNumbers() =>
        ShouldFail(test.Options() with { LengthTarget = 9 }, TestRun.Prompts, "length_target (9) is more than max_new_tokens (8): no response is as long");

    [Fact]
    public Task Run_LimitOfHeldOutKlWithoutEvaluations_SaysSo() =>
        ShouldFail(test.Options() with { MaxEvalKl = 9, EvalSteps = 0 }, TestRun.Prompts, "max_eval_kl is looked at where the run evaluates, and eval_steps is 0*");

    [Fact]
    public Task Run_LimitOfHeldOutKlWithoutHeldOutPrompts_SaysSo() =>
        ShouldFail(test.Options() with { MaxEvalKl = 9, EvalSteps = 1 }, TestRun.Prompts, "max_eval_kl is looked at where the run evaluates, and there is no held-out prompt*");

    [Fact]
    public Task Run_MissingModel_IsOneLine() => ShouldFail(test.Options() with { ModelNameOrPath = "/nowhere" }, TestRun.Prompts, "*/nowhere*");

    [Fact]
    public async Task Run_BeyondMaxKl_NamesTheLastGoodCheckpoint()
    {
        var run = () => test.Run(test.Options() with { MaxSteps = 20, SaveSteps = 1, MaxKl = 1e-6 }, evaluates: false).RunAsync();

        var stopped = await run.Should().ThrowAsync<RunStoppedException>();

        stopped.WithMessage("stopped at step*max_kl*the last good checkpoint is *checkpoint-*");
    }

    private async Task ShouldFail(PpoOptions options, IReadOnlyList<Prompt> prompts, string message)
    {
        var run = () => test.Run(options, evaluates: false, prompts).RunAsync();

        var error = await run.Should().ThrowAsync<GramException>();

        error.WithMessage(message);
        error.Which.Message.Should().NotContain("\n");
        Directory.Exists(options.OutputDir).Should().BeFalse("nothing is written before the input is known to be good");
    }
}
