using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Judging;

/// <summary>The judge on a tiny real model: its answers are no good, its arithmetic must be.</summary>
public sealed class GramJudgeTests : IDisposable
{
    private const float Tolerance = 1e-5f;

    private static readonly GramConfig Config = new() { Prompt = "Say which reply is the better one.\n\nQuestion: {question}\nA: {answer_a}\nB: {answer_b}\nBetter:", Template = "none" };

    private readonly string directory = Goldens.PathOf("models", "qwen3-untied-headdim");
    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;

    public GramJudgeTests()
    {
        model = CausalLM.Load(directory);
        tokenizer = Tokenizer.Load(directory);
    }

    public void Dispose() => model.Dispose();

    [SkippableFact]
    public async Task Score_ManyPairs_EqualsThePlainForwardOfEachPrompt()
    {
        var judge = Judge();
        AnswerPair[] pairs = [.. Enumerable.Range(0, 12).Select(i => new AnswerPair(Text(i % 4, 3 + i % 4), Text(10 + i, 1 + i), Text(30 + i % 3, 4)))];

        var scores = await judge.ScoreAsync(pairs);

        foreach (var (pair, score) in pairs.Zip(scores))
        {
            score.PAb.Should().BeApproximately(Plain(judge, pair.Question, pair.AnswerA, pair.AnswerB), Tolerance);
            score.PBa.Should().BeApproximately(1 - Plain(judge, pair.Question, pair.AnswerB, pair.AnswerA), Tolerance);
        }
        scores.Select(score => score.PAb).Distinct().Should().HaveCountGreaterThan(6, "a judge that always says the same would pass for free");
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(1000)]
    public async Task Score_InOtherBatches_IsTheSame(int batchTokens)
    {
        AnswerPair[] pairs = [.. Enumerable.Range(0, 9).Select(i => new AnswerPair(Text(i % 3, 2 + i % 3), Text(10 + i, 1 + i), Text(30 + i, 4)))];
        var expected = await Judge().ScoreAsync(pairs);

        var batched = await Judge(batchTokens).ScoreAsync(pairs);
        var reversed = await Judge().ScoreAsync([.. pairs.Reverse()]);

        for (var i = 0; i < pairs.Length; i++)
        {
            var alone = (await Judge().ScoreAsync([pairs[i]]))[0];
            foreach (var other in new[] { batched[i], reversed[pairs.Length - 1 - i], alone })
            {
                other.PAb.Should().BeApproximately(expected[i].PAb, Tolerance);
                other.PBa.Should().BeApproximately(expected[i].PBa, Tolerance);
            }
        }
    }

    [SkippableFact]
    public async Task Score_EqualAnswers_IsOneHalfWithoutTheModel()
    {
        var judge = Judge();

        (await judge.ScoreAsync([new("Why?", "So.", "So.")])).Should().Equal(PairScore.Tie);

        (judge.Pairs, judge.Tokens).Should().Be((0, 0));
    }

    [SkippableFact]
    public async Task Score_SwappedAnswers_SwapsScores()
    {
        var judge = Judge();

        // In two calls: one would find the second pair's prompts among the first's.
        var score = (await judge.ScoreAsync([new("Why?", "So.", "No!")]))[0];
        var swapped = (await judge.ScoreAsync([new("Why?", "No!", "So.")]))[0];

        score.ScoreA.Should().BeApproximately(swapped.ScoreB, Tolerance);
        score.PAb.Should().BeApproximately(1 - swapped.PBa, Tolerance);
    }

    [SkippableFact]
    public async Task Score_AnswersTooLongForTheContext_AreShortenedAndCounted()
    {
        var judge = Judge();
        var limit = model.Config.MaxPositionEmbeddings;
        var pair = new AnswerPair("Why?", Text(1, limit), Text(2, limit / 2));

        var score = (await judge.ScoreAsync([pair, new("Why?", "So.", "No.")]))[0];

        judge.Shortened.Should().Be(1);
        score.PAb.Should().BeInRange(0, 1);
        var fit = AnswerShortening.Fit(pair.AnswerA, pair.AnswerB, (a, b) => Math.Max(judge.PromptIds("Why?", a, b).Length, judge.PromptIds("Why?", b, a).Length), limit)!.Value;
        score.PAb.Should().BeApproximately(Plain(judge, "Why?", fit.A, fit.B), Tolerance);
    }

    [SkippableFact]
    public async Task Score_QuestionTooLongForTheContext_IsAnError()
    {
        var pair = new AnswerPair(Text(1, model.Config.MaxPositionEmbeddings), "So.", "No.");

        Judge().Fits(pair).Should().BeFalse();
        (await FluentActions.Invoking(async () => await Judge().ScoreAsync([pair])).Should().ThrowAsync<GramException>()).WithMessage($"*too long*of {model.Config.MaxPositionEmbeddings} tokens*");
    }

    [SkippableFact]
    public async Task Score_ControlTokensInAnswers_StayText()
    {
        var judge = Judge();
        judge.PromptIds("Why?", "<|im_end|>", "<|im_start|>").Should().NotContain(tokenizer.TokenId("<|im_end|>")!.Value).And.NotContain(tokenizer.TokenId("<|im_start|>")!.Value);
        (await judge.ScoreAsync([new("Why?", "<|im_end|>", "So.")])).Should().HaveCount(1);
    }

    [SkippableFact]
    public void New_LabelsOfSeveralTokens_AreAnErrorThatNamesThem() =>
        FluentActions.Invoking(() => new GramJudge(model, tokenizer, Config with { Labels = ["A", "not one token"] })).Should().Throw<GramException>().WithMessage("label \"not one token\" must be one token, and is * in this vocabulary (*, *)*");

    [SkippableFact]
    public async Task Score_SecondCall_ComputesThePreambleNoMore()
    {
        using var judge = Judge();
        var pair = new AnswerPair(Text(1, 4), Text(2, 4), Text(3, 4));
        var preamble = judge.PromptIds("a", "b", "c").AsSpan().CommonPrefixLength(judge.PromptIds("1", "b", "c"));

        await judge.ScoreAsync([pair]);
        var first = judge.Tokens;
        await judge.ScoreAsync([pair]);

        preamble.Should().BeGreaterThan(8);
        (judge.Tokens - first).Should().Be(first - preamble);
    }

    [SkippableFact]
    public async Task Score_AllPairsOfAQuestion_EqualsThePlainForwardInFewerTokens()
    {
        using var judge = Judge();
        string[] answers = [.. Enumerable.Range(0, 6).Select(i => Text(50 + i, 3 + (i % 3)))];
        AnswerPair[] pairs = [.. from i in Enumerable.Range(0, 6) from j in Enumerable.Range(i + 1, 5 - i) select new AnswerPair("Why?", answers[i], answers[j])];

        var scores = await judge.ScoreAsync(pairs);

        foreach (var (pair, score) in pairs.Zip(scores)) score.PAb.Should().BeApproximately(Plain(judge, pair.Question, pair.AnswerA, pair.AnswerB), Tolerance);
        var whole = pairs.Sum(pair => 2L * judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB).Length);
        judge.Tokens.Should().BeLessThan(whole / 2);
    }

    [SkippableFact]
    public async Task Score_WithAPrefixCache_EqualsThePlainForwardAndComputesQuestionsOnce()
    {
        using var judge = new GramJudge(model, tokenizer, Config, prefixCacheBytes: 64 << 20);
        using var without = Judge();
        // Requests one at a time: samples of three questions against a reference of each, and a pair of two samples.
        AnswerPair[] pairs = [.. Enumerable.Range(0, 12).Select(i => new AnswerPair(Text(i % 3, 12), Text(10 + i, 2 + (i % 4)), Text(40 + (i % 3), 5))), new(Text(0, 12), Text(10, 2), Text(13, 5))];

        foreach (var pair in pairs)
        {
            var score = (await judge.ScoreAsync([pair]))[0];
            await without.ScoreAsync([pair]);
            score.PAb.Should().BeApproximately(Plain(judge, pair.Question, pair.AnswerA, pair.AnswerB), Tolerance);
            score.PBa.Should().BeApproximately(1 - Plain(judge, pair.Question, pair.AnswerB, pair.AnswerA), Tolerance);
        }
        judge.ReusedTokens.Should().BeGreaterThan(9 * tokenizer.Encode(Text(0, 12)).Length, "each question comes four times, in two orders");
        judge.Tokens.Should().BeLessThan(without.Tokens);
        without.ReusedTokens.Should().Be(0);

        var again = await judge.ScoreAsync(pairs); // all together, over what is kept
        for (var i = 0; i < pairs.Length; i++) again[i].PAb.Should().BeApproximately(Plain(judge, pairs[i].Question, pairs[i].AnswerA, pairs[i].AnswerB), Tolerance);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(40_000)]
    [InlineData(1 << 20)]
    public async Task Score_WithASmallPrefixCache_DropsTheOldestAndStaysRight(long bytes)
    {
        using var judge = new GramJudge(model, tokenizer, Config, prefixCacheBytes: bytes);
        for (var i = 0; i < 20; i++)
        {
            AnswerPair[] pairs = [new(Text(i % 7, 10), Text(60 + i, 3), Text(90 + i, 2)), new(Text((i + 1) % 7, 10), Text(60 + i, 3), Text(90 + i, 2))];

            var scores = await judge.ScoreAsync(pairs);

            foreach (var (pair, score) in pairs.Zip(scores)) score.PAb.Should().BeApproximately(Plain(judge, pair.Question, pair.AnswerA, pair.AnswerB), Tolerance);
        }
    }

    [SkippableFact]
    public async Task Dispose_WithAPrefixCache_LeaksNoTensors()
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (var judge = new GramJudge(model, tokenizer, Config, prefixCacheBytes: 100_000))
            for (var i = 0; i < 8; i++) await judge.ScoreAsync([new(Text(i, 10), Text(60 + i, 3), Text(90 + i, 2))]);

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    [SkippableFact]
    public async Task Score_FromManyThreads_IsTheSame()
    {
        using var judge = Judge();
        AnswerPair[] pairs = [.. Enumerable.Range(0, 16).Select(i => new AnswerPair(Text(i % 4, 2 + (i % 3)), Text(10 + i, 1 + (i % 5)), Text(30 + i, 4)))];
        var expected = await Judge().ScoreAsync(pairs);

        var scores = await Task.WhenAll(pairs.Select(pair => Task.Run(async () => (await judge.ScoreAsync([pair]))[0])));

        for (var i = 0; i < pairs.Length; i++) scores[i].PAb.Should().BeApproximately(expected[i].PAb, Tolerance);
        judge.Pairs.Should().Be(16);
    }

    [SkippableFact]
    public async Task Score_ManyTimes_LeaksNoTensors()
    {
        using var judge = Judge();
        AnswerPair[] pairs = [.. Enumerable.Range(0, 6).Select(i => new AnswerPair(Text(i % 2, 3), Text(10 + i, 1 + i), Text(30 + i, 4)))];
        await judge.ScoreAsync(pairs);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        await judge.ScoreAsync(pairs);

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    private GramJudge Judge(int batchTokens = 8192) => new(model, tokenizer, Config, batchTokens);

    /// <summary>P of the first label by one forward of the whole prompt, without cache, batch or padding.</summary>
    private double Plain(GramJudge judge, string question, string first, string second)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ids = judge.PromptIds(question, first, second);
        var hidden = model.Hidden(tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Length]));
        var logits = model.Logits(hidden[0, -1]).index_select(0, tensor(JudgeLabels.Ids(tokenizer, Config.Labels).Select(id => (long)id).ToArray()));
        return logits.to(ScalarType.Float64).softmax(0)[0].item<double>();
    }

    /// <summary>Made-up words, different for each seed.</summary>
    private static string Text(int seed, int words)
    {
        var random = new RandomSource((ulong)seed);
        return string.Join(' ', Enumerable.Range(0, words).Select(_ => string.Concat(Enumerable.Range(0, 2).Select(_ => "aeiou"[random.Next(5)] + "" + "bcdfgklmnprst"[random.Next(13)]))));
    }
}
