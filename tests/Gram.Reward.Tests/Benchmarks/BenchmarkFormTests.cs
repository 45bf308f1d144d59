using Gram.Models;
using Gram.Reward.Benchmarks;

namespace Gram.Reward.Tests.Benchmarks;

/// <summary>The forms in which benchmarks and scores come, with figures worked out by hand.</summary>
public sealed class BenchmarkFormTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void JudgeBench_OwnForm_PutsTheLabelledAnswerFirst()
    {
        var file = folder.Write("own.jsonl", """{"pair_id": "x", "source": "livecodebench", "question": "Q", "response_A": "a", "response_B": "b", "label": "B>A"}""");

        var pair = BenchmarkFiles.Read("judgebench", file)[0].Comparisons[0].Pair!;

        (pair.Prompt.Question, pair.AnswerA, pair.AnswerB).Should().Be(("Q", "b", "a"));
    }

    /// <summary>JudgeBench's own rule: +1 for an order that prefers the labelled answer, −1 for one that prefers the other, right above 0.</summary>
    [Theory]
    [InlineData("A>B", "B>A", true, false)]
    [InlineData("A>B", "A=B", true, false)]
    [InlineData(null, "B>A", true, false)]
    [InlineData("A>B", "A>B", false, true)]
    [InlineData("A=B", null, false, true)]
    [InlineData("B>A", "A=B", false, false)]
    public void JudgeBench_Judgments_CountBothOrders(string? first, string? second, bool isRight, bool isTie)
    {
        var file = folder.Write("official.jsonl", $$"""{"source": "livecodebench", "label": "A>B", "judgments": [{{Judgment(first)}}, {{Judgment(second)}}]}""");
        var swapped = folder.Write("swapped.jsonl", $$"""{"source": "livecodebench", "label": "B>A", "judgments": [{{Judgment(second)}}, {{Judgment(first)}}]}""");

        foreach (var verdict in (Verdict[])[VerdictIn(file), VerdictIn(swapped)]) (verdict.IsRight, verdict.IsTie).Should().Be((isRight, isTie));

        static string Judgment(string? decision) => decision is null ? "null" : $$"""{"judgment": {"judge_model": "m", "prompt": "p", "response": "r"}, "decision": "{{decision}}"}""";
    }

    [Fact]
    public void JudgeBench_OneJudgment_SaysNothingOfTheOrders()
    {
        var file = folder.Write("single.jsonl", """{"source": "livecodebench", "label": "B>A", "judgments": [{"judgment": {"scores": [1.5, 2.5]}, "decision": "B>A"}]}""");

        var verdict = VerdictIn(file);

        verdict.Chosen.Should().BeApproximately(1 / (1 + Math.Exp(-1)), 1e-12);
        (verdict.Chosen + verdict.Rejected).Should().BeApproximately(1, 1e-12);
        (verdict.PAb, verdict.PBa).Should().Be((null, null));
    }

    [Theory]
    [InlineData("""[]""", "'judgments' must be the judgments of both orders, or of the first alone")]
    [InlineData("""[{"decision": "A>B"}, "B>A"]""", "'judgments[1]' must be a judgment with its decision, or null")]
    [InlineData("""[{"decision": "A>B"}, {"decision": 1}]""", "'judgments[1]' must be a text")]
    [InlineData("""[{"decision": "A>B", "judgment": {"scores": [1]}}, null]""", "'judgments[0]' must be the scores of the two answers")]
    [InlineData("""[{"decision": "A>B", "judgment": {"scores": [1, "x"]}}, null]""", "'judgments[0]' must be a finite number")]
    public void JudgeBench_WrongJudgments_AreNamed(string judgments, string message)
    {
        var read = () => BenchmarkFiles.Read("judgebench", folder.Write("bad.jsonl", $$"""{"source": "livecodebench", "label": "A>B", "judgments": {{judgments}}}"""));

        read.Should().Throw<GramException>().WithMessage($"*bad.jsonl, row 1: {message}");
    }

    [Fact]
    public void JudgeBench_UnknownSource_IsNamed()
    {
        var read = () => BenchmarkFiles.Read("judgebench", folder.Write("bad.jsonl", """{"source": "gsm8k", "prompt": "Q", "chosen": "a", "rejected": "b"}"""));

        read.Should().Throw<GramException>().WithMessage("*bad.jsonl, row 1: 'source' is \"gsm8k\"*");
    }

    /// <summary>Rewards 1, 2, 3 against 2: rows of the matrix are wrong, (tie) wrong, right.</summary>
    [Fact]
    public void RmBench_ListsOfScores_BecomeNineCells()
    {
        var file = folder.Write("matrix.jsonl", """{"id": 1, "domain": "safety-refuse", "score_chosen": [1, 2, 3], "score_rejected": [2, 2, 2]}""");

        var result = BenchmarkFiles.Evaluate("rm-bench", file);

        (result.Count, result.Comparisons, result.Ties).Should().Be((1, 9, 3));
        var groups = result.Figures.Groups.ByName();
        groups["hard"].Should().Be(0, "above the diagonal are rows 1 and 2 alone");
        groups["normal"].Should().BeApproximately(1.0 / 3, 1e-12);
        groups["easy"].Should().BeApproximately(2.0 / 3, 1e-12);
        groups["safety"].Should().BeApproximately(1.0 / 3, 1e-12);
    }

    [SkippableFact]
    public void RmBench_PublishedFiles_AreNinePairsAnItem()
    {
        foreach (var (name, domain, count) in (ReadOnlySpan<(string, string, int)>)[("chat", "chat", 129), ("code", "code", 228), ("safety-refuse", "safety", 284)])
        {
            var items = BenchmarkFiles.Read("rm-bench", Repository.SharedPath("data", "rm-bench", $"{name}.json"));

            items.Should().HaveCount(count).And.OnlyContain(item => item.Group == domain && item.Comparisons.Count == 9);
            items[0].Comparisons.Select(comparison => comparison.Pair!.AnswerA).Distinct().Should().HaveCount(3);
        }
    }

    [Fact]
    public void RmBench_ShuffledRowsOfTwoItems_FindTheirItems()
    {
        string[] rows = [.. from cell in Enumerable.Range(0, 9) from id in (int[])[8, 9] select $$"""{"id": {{id}}, "domain": "chat", "matrix_id": "{{cell / 3}}-{{cell % 3}}", "score_chosen": {{(id == 8 ? 0.9 : 0.1)}}, "score_rejected": {{(id == 8 ? 0.1 : 0.9)}}}"""];

        BenchmarkFiles.Evaluate("rm-bench", folder.Write("rows.jsonl", rows)).Figures.Overall.Should().Be(0.5);
        var lacking = () => BenchmarkFiles.Read("rm-bench", folder.Write("short.jsonl", rows[..17]));
        lacking.Should().Throw<GramException>().WithMessage("*row 2: 'matrix_id' begins an item of which cell 2-2 is missing");
    }

    [Fact]
    public void RewardBench_MathPrm_Counts984Times()
    {
        string[] rows =
        [
            """{"subset": "math-prm", "score_chosen": 0.6, "score_rejected": 0.4}""",
            .. Enumerable.Repeat("""{"subset": "hep-go", "score_chosen": 0.5, "score_rejected": 0.5}""", 16),
        ];

        var result = BenchmarkFiles.Evaluate("reward-bench", folder.Write("rows.jsonl", rows));

        result.Figures.Groups.ByName()["Reasoning"].Should().BeApproximately(984.0 / 1000, 1e-12, "ties are wrong");
        result.Ties.Should().Be(16);
    }

    /// <summary>output_2 is the better one: order 1 shows it second.</summary>
    [Fact]
    public void LlmBar_ScoredPair_CountsEachOrder()
    {
        var file = folder.Write("scored.jsonl", """{"input": "Q", "output_1": "a", "output_2": "b", "label": 2, "score_chosen": 0.55, "score_rejected": 0.45, "p_ab": 0.3, "p_ba": 0.8}""");

        var groups = BenchmarkFiles.Evaluate("llmbar", file).Figures.Groups.ByName();

        groups.Should().BeEquivalentTo(new Dictionary<string, double> { ["order 1"] = 1, ["order 2"] = 0, ["agreement"] = 0, ["both right"] = 0 });
        BenchmarkFiles.Read("llmbar", file)[0].Comparisons[0].Pair!.AnswerA.Should().Be("b");
    }

    [Fact]
    public void AlpacaEval_Preferences_GiveTheWinRate()
    {
        string[] rows = [.. ((string[])["1", "2", "1.5", "0", "1.25", "null"]).Select(preference => $$"""{"instruction": "Q", "output_1": "base", "output_2": "mine", "preference": {{preference}}}""")];

        var result = BenchmarkFiles.Evaluate("alpaca-eval", folder.Write("annotations.json.jsonl", rows));

        result.Count.Should().Be(5, "a row without a preference is left out");
        result.Figures.Overall.Should().BeApproximately((0 + 1 + 0.5 + 0.5 + 0.25) / 5, 1e-12);
        result.Figures.Groups.ByName()["discrete win rate"].Should().BeApproximately(2.0 / 5, 1e-12);
        result.Calibration.Should().BeNull("nobody knows the better answer");
    }

    [Fact]
    public void AlpacaEval_NoPreferenceAtAll_IsAnError()
    {
        var file = folder.Write("annotations.jsonl", """{"instruction": "Q", "output_1": "base", "output_2": "mine", "preference": null}""");

        ((Action)(() => BenchmarkFiles.Evaluate("alpaca-eval", file))).Should().Throw<GramException>().WithMessage("*annotations.jsonl holds nothing that alpaca-eval counts*");
    }

    [SkippableFact]
    public void AlpacaEval_ShortMatchedPairs_AreAsHardForTheLengthRuleAsByChance()
    {
        var items = BenchmarkFiles.Read("alpaca-eval", Repository.SharedPath("data", "alpaca-eval", "short-matched-pairs.jsonl"));

        items.Should().HaveCount(996);
        Evaluation.OfLength(new AlpacaEval(), items, samples: 10)!.Figures.Overall.Should().BeApproximately(0.5, 0.01);
    }

    [Fact]
    public void Pairs_ScriptsOutput_TakesScoresNotTheirVerdict()
    {
        var file = folder.Write("judge.res", """{"prompt": "Q", "chosen": "a", "rejected": "b", "score_chosen": 0.5, "score_rejected": 0.5, "correct": true}""", """{"prompt": "Q", "chosen": "abc", "rejected": "b", "score_chosen": 0.7, "score_rejected": 0.3, "correct": true}""");

        var result = BenchmarkFiles.Evaluate("pairs", file);

        (result.Figures.Overall, result.Ties).Should().Be((0.5, 1));
        var items = BenchmarkFiles.Read("pairs", file);
        Evaluation.OfLength(new OwnPairs(), items, samples: 10)!.Figures.Overall.Should().Be(0.5, "equal lengths are a tie, and a tie is wrong");
    }

    [Fact]
    public void Pairs_GroupedByAField_AverageTheGroups()
    {
        string[] rows = ["""{"kind": "a", "score_chosen": 2, "score_rejected": -1}""", """{"kind": "a", "score_chosen": 2, "score_rejected": -1}""", """{"kind": "b", "score_chosen": 0, "score_rejected": 1}"""];
        var pairs = new OwnPairs("kind");
        var (items, verdicts) = BenchmarkReader.Scores(pairs, folder.Write("rewards.jsonl", rows), []);

        var figures = Evaluation.Of("test", pairs, items, verdicts, samples: 10).Figures;

        figures.Groups.ByName().Should().BeEquivalentTo(new Dictionary<string, double> { ["a"] = 1, ["b"] = 0 });
        (figures.Average, figures.Overall).Should().Be((0.5, 2.0 / 3));
    }

    private static Verdict VerdictIn(string file) => BenchmarkFiles.Read("judgebench", file)[0].Comparisons[0].Verdict!.Value;

    [Theory]
    [InlineData("""{"prompt": "Q", "response_a": "a", "response_b": "b", "score_a": 0.5, "score_b": 0.5}""", "'score_a'*chosen and rejected*")]
    [InlineData("""{"prompt": "Q", "chosen": "a", "rejected": "b", "score_chosen": 0.5}""", "'score_rejected' is missing")]
    [InlineData("""{"prompt": "Q", "chosen": "a", "rejected": "b", "score_chosen": "high", "score_rejected": 0}""", "'score_chosen' must be a finite number")]
    [InlineData("""{"prompt": "Q", "chosen": "a", "rejected": "b"}""", "'score_chosen'*the file holds no scores")]
    public void Scores_BadRow_NamesTheField(string row, string message)
    {
        var evaluate = () => BenchmarkFiles.Evaluate("pairs", folder.Write("bad.jsonl", row));

        evaluate.Should().Throw<GramException>().WithMessage($"*bad.jsonl, row 1: {message}");
    }

    [Fact]
    public void Scores_OfOtherItems_AreRefused()
    {
        var scores = folder.Write("scores.jsonl", """{"id": 1, "score_chosen": 1, "score_rejected": 0}""");
        var texts = folder.Write("texts.jsonl", """{"id": 2, "prompt": "Q", "chosen": "a", "rejected": "b"}""");
        var two = folder.Write("two.jsonl", """{"id": 1, "prompt": "Q", "chosen": "a", "rejected": "b"}""", """{"id": 2, "prompt": "Q", "chosen": "a", "rejected": "b"}""");

        ((Action)(() => BenchmarkFiles.Evaluate("pairs", scores, texts))).Should().Throw<GramException>().WithMessage("*'id' is 1, where *texts.jsonl, row 1, has 2*");
        ((Action)(() => BenchmarkFiles.Evaluate("pairs", scores, two))).Should().Throw<GramException>().WithMessage("*scores 1 items, the data sets hold 2*");
    }
}
