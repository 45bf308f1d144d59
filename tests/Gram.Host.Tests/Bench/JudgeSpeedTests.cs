using System.Text.Json;
using Gram.Host.Bench;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using Xunit.Abstractions;

namespace Gram.Host.Tests.Bench;

/// <summary>The judge beside the published script's way: equal scores, of fewer tokens.</summary>
public sealed class JudgeSpeedTests(ITestOutputHelper output)
{
    [Fact]
    public void MeasureBeside_TinyModel_HasEqualScoresOfFewerTokens()
    {
        using var directory = new TemporaryDirectory();

        var published = Measure(TinyCheckpoint.Create(directory.File("model"), context: 4096), new JudgeTexts("three", [4], [2, 3, 4], AllPairs: true));

        published.TokensHere.Should().BeInRange(1, published.Tokens / 3, "the prompt is long, and computed once");
    }

    /// <summary>What each set saves by not computing it twice: what its speed-up rests on. The tokens are SmolLM2's, the model is not.</summary>
    [SkippableTheory]
    [InlineData("judgebench", 1.2)]
    [InlineData("hh", 1.8)]
    [InlineData("sst2", 3)]
    [InlineData("answers8", 6)]
    public async Task Tokens_OfEachSet_AreThatManyTimesFewerThanOfFullPrompts(string name, double times)
    {
        var directory = TestModels.SmolLM2();
        using var model = CausalLM.Create(
            ModelConfig.Read(directory) with { HiddenSize = 16, IntermediateSize = 16, NumHiddenLayers = 1, NumAttentionHeads = 1, NumKeyValueHeads = 1, HeadDim = 16 }, new RandomSource(1));
        using var judge = new GramJudge(model, Tokenizer.Load(directory), GramConfig.Published);
        var pairs = Named(name).Pairs();

        await judge.ScoreAsync(pairs); // the preamble, once a run
        var before = judge.Tokens;
        await judge.ScoreAsync(pairs);

        var whole = pairs.Sum(pair => (double)judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB).Length + judge.PromptIds(pair.Question, pair.AnswerB, pair.AnswerA).Length);
        (whole / (judge.Tokens - before)).Should().BeGreaterThan(times, "padding included");
    }

    /// <summary>A pair of a round robin over 8 answers of 100 tokens takes at most 45 % of the pair alone. The tokens are SmolLM2's, the model is not.</summary>
    [SkippableFact]
    public void MeasureRoundRobin_AnswersOf100Tokens_ComputesAtMost45PercentOfPairsAlone()
    {
        var checkpoint = TestModels.SmolLM2();
        using var model = CausalLM.Create(
            ModelConfig.Read(checkpoint) with { HiddenSize = 16, IntermediateSize = 16, NumHiddenLayers = 1, NumAttentionHeads = 1, NumKeyValueHeads = 1, HeadDim = 16 }, new RandomSource(1));
        var pairs = JudgeTexts.RoundRobin8.Pairs();

        var measured = RoundRobinSpeed.Measure(new BenchSubject(model, checkpoint, run => run()), JudgeTexts.RoundRobin8);

        var tokenizer = Tokenizer.Load(checkpoint);
        pairs.SelectMany(pair => new[] { pair.AnswerA, pair.AnswerB }).Distinct().Select(answer => tokenizer.Encode(answer).Length).Should().HaveCount(8).And.OnlyContain(tokens => tokens == 100);
        ((double)measured.Alone!.TokensHere / measured.Alone.Tokens).Should().BeInRange(0.2, 0.45, "padding included");
        measured.Alone.Cost.Should().BeGreaterThan(0);
        measured.Amount.Should().Be(28);
    }

    [SkippableTheory, Trait("Category", "Nightly")]
    [InlineData("judgebench")]
    [InlineData("hh")]
    [InlineData("sst2")]
    [InlineData("answers8")]
    public void MeasureBeside_SmolLM2_HasEqualScores(string texts)
    {
        Skip.If(Environment.GetEnvironmentVariable("GRAMRL_NIGHTLY") != "1", "takes minutes: set GRAMRL_NIGHTLY=1");
        Measure(TestModels.SmolLM2(), Named(texts)).Ratio.Should().BeGreaterThan(1);
    }

    [Fact]
    public void JudgeTexts_Sets_HaveThePairsThatTheyPromise()
    {
        JudgeTexts.Answers8.Pairs().Should().HaveCount(28).And.OnlyContain(pair => pair.Question == JudgeTexts.Answers8.Pairs()[0].Question);
        JudgeTexts.JudgeBench.Pairs().Select(pair => pair.Question).Should().OnlyHaveUniqueItems();
        Words(JudgeTexts.JudgeBench.Pairs().Select(pair => pair.AnswerA)).Should().BeEquivalentTo(JudgeTexts.JudgeBench.AnswerWords);
        Words(JudgeTexts.Hh.Pairs().Select(pair => pair.Question)).Should().BeEquivalentTo(JudgeTexts.Hh.QuestionWords);

        static IEnumerable<int> Words(IEnumerable<string> texts) => texts.Select(text => text.Split(' ').Length).Distinct();
    }

    private static JudgeTexts Named(string name) => JudgeTexts.All.Single(texts => texts.Name == name);

    private PublishedFigure Measure(string checkpoint, JudgeTexts texts)
    {
        using var model = CausalLM.Load(checkpoint);
        var figure = JudgeSpeed.MeasureBeside(new BenchSubject(model, checkpoint, run => run()), texts).Against(texts.Name, SpeedBenchTests.Floors);
        output.WriteLine(JsonSerializer.Serialize(figure));
        figure.Published!.ScoreGap.Should().BeLessThan(1e-5);
        figure.Published.Ratio.Should().BeApproximately(figure.Value / figure.Published.Value, 1e-9 * figure.Published.Ratio);
        figure.Published.TokensHere.Should().BeLessThan(figure.Published.Tokens);
        return figure.Published;
    }
}
