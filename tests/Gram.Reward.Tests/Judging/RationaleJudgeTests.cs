using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Judging;

/// <summary>Reasoning on a tiny real model: its rationales are nonsense, their votes must be counted right.</summary>
public sealed class RationaleJudgeTests : IDisposable
{
    private static readonly RationaleOptions Options = new() { Prompt = "Q: {question}\nA: {answer_a}\nB: {answer_b}\nThink, then answer.\n", Votes = 3, MaxNewTokens = 12, Cue = "\nBetter: " };
    private static readonly AnswerPair[] Pairs = [new("Why?", "So it is.", "No idea."), new("Where?", "Here.", "There, behind it."), new("Why?", "Same.", "Same.")];

    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;
    private readonly GramJudge judge;

    public RationaleJudgeTests()
    {
        var directory = Goldens.PathOf("models", "qwen3-untied-headdim");
        model = CausalLM.Load(directory);
        tokenizer = Tokenizer.Load(directory);
        judge = new(model, tokenizer, new GramConfig { Prompt = "{question}{answer_a}{answer_b}", Template = "none" });
    }

    public void Dispose()
    {
        judge?.Dispose();
        model?.Dispose();
    }

    [SkippableFact]
    public async Task Judge_EveryVote_IsTheLabelsProbabilityAfterItsRationale()
    {
        var reasoned = await new RationaleJudge(judge, Options).JudgeAsync(Pairs);

        foreach (var (pair, verdict) in Pairs.Zip(reasoned).Take(2))
        {
            verdict.Ab.Should().HaveCount(3);
            verdict.Ba.Should().HaveCount(3);
            foreach (var vote in verdict.Ab) vote.FirstLabel.Should().BeApproximately(Plain(pair.Question, pair.AnswerA, pair.AnswerB, vote.Text), 1e-5);
            foreach (var vote in verdict.Ba) vote.FirstLabel.Should().BeApproximately(Plain(pair.Question, pair.AnswerB, pair.AnswerA, vote.Text), 1e-5);
            verdict.Score.PAb.Should().Be(Rationale.FirstShare(verdict.Ab));
            verdict.Score.PBa.Should().Be(1 - Rationale.FirstShare(verdict.Ba));
        }
        reasoned[2].Score.Should().Be(PairScore.Tie);
        reasoned[2].Ab.Should().BeEmpty("equal answers need no reasons");
        reasoned[0].Ab.Select(vote => vote.Text).Distinct().Should().HaveCountGreaterThan(1, "samples differ");
    }

    [SkippableFact]
    public async Task Judge_AfterOtherCalls_WritesTheSameRationales()
    {
        var reasoning = new RationaleJudge(judge, Options);
        var first = await reasoning.JudgeAsync(Pairs);
        await reasoning.ScoreAsync([Pairs[1]]);

        var again = await reasoning.JudgeAsync(Pairs);
        var otherSeed = await new RationaleJudge(judge, Options with { Seed = 7 }).JudgeAsync(Pairs);

        Texts(again).Should().Equal(Texts(first));
        Texts(otherSeed).Should().NotEqual(Texts(first));
        reasoning.Rationales.Should().Be(12 + 6 + 12);

        static IEnumerable<string> Texts(IEnumerable<ReasonedScore> scores) => scores.SelectMany(score => score.Ab.Concat(score.Ba)).Select(vote => vote.Text);
    }

    [SkippableFact]
    public async Task Judge_AmongOtherPairs_WritesTheSameRationales()
    {
        var together = await new RationaleJudge(judge, Options).JudgeAsync(Pairs);

        var alone = await new RationaleJudge(judge, Options).JudgeAsync([Pairs[1]]);

        alone[0].Ab.Select(vote => vote.Text).Should().Equal(together[1].Ab.Select(vote => vote.Text));
        alone[0].Ba.Select(vote => vote.Text).Should().Equal(together[1].Ba.Select(vote => vote.Text));
        alone[0].Score.PAb.Should().BeApproximately(together[1].Score.PAb, 1e-5);
    }

    [SkippableFact]
    public async Task Judge_EndOfARationale_IsCutOff()
    {
        var open = await new RationaleJudge(judge, Options with { Ends = [] }).JudgeAsync(Pairs[..1]);
        var end = open[0].Ab[0].Text[2..4];

        var cut = await new RationaleJudge(judge, Options with { Ends = [end] }).JudgeAsync(Pairs[..1]);

        cut[0].Ab.Concat(cut[0].Ba).Should().OnlyContain(vote => !vote.Text.Contains(end));
    }

    [SkippableFact]
    public void New_RationalesThatLeaveNoRoom_AreAnErrorThatNamesTheKey() =>
        FluentActions.Invoking(() => new RationaleJudge(judge, Options with { MaxNewTokens = model.Config.MaxPositionEmbeddings })).Should().Throw<GramException>().WithMessage("*rationale_max_new_tokens*");

    [SkippableFact]
    public async Task ToJson_KeepsTextVoteAndProbability()
    {
        var reasoned = (await new RationaleJudge(judge, Options with { Votes = 1 }).JudgeAsync(Pairs[..1]))[0];

        var vote = reasoned.ToJson(["A", "B"])["ab"]!.AsArray().Should().ContainSingle().Subject!;

        vote["text"]!.GetValue<string>().Should().Be(reasoned.Ab[0].Text);
        vote["vote"]!.GetValue<string>().Should().Be(reasoned.Ab[0].FirstLabel > 0.5 ? "A" : "B");
        vote["probability"]!.GetValue<double>().Should().BeInRange(0.5, 1);
        JsonNode.DeepEquals(vote["probability"], JsonValue.Create(reasoned.Ab[0].Weight)).Should().BeTrue();
    }

    /// <summary>P of the first label by one forward of prompt, rationale and cue.</summary>
    private double Plain(string question, string first, string second, string rationale)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var prompt = new JudgePrompt(judge.Config with { Prompt = Options.Prompt }).Render(question, first, second);
        int[] ids = [.. tokenizer.Encode(prompt), .. tokenizer.Encode(rationale), .. tokenizer.Encode(Options.Cue)];
        var hidden = model.Hidden(tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Length]));
        var logits = model.Logits(hidden[0, -1]).index_select(0, tensor(JudgeLabels.Ids(tokenizer, ["A", "B"]).Select(id => (long)id).ToArray()));
        return logits.to(ScalarType.Float64).softmax(0)[0].item<double>();
    }
}
