using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

[Collection(ProgramTests.Name)]
public sealed class JudgingTests(TinyModels tiny)
{
    private static readonly string[] JudgingKeys = ["count", "comparisons", "seconds", "pairs_per_s", "order_disagreement", "shortened", "dropped"];

    [Fact]
    public async Task Judge_Pairs_AddsScoresOfBothOrders()
    {
        var output = Path.Combine(tiny.Root, "scored.jsonl");

        var run = await GramProgram.RunAsync(tiny.Root, "judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--output", output, "--json");

        run.ExitCode.Should().Be(0);
        run.Json.Select(pair => pair.Key).Should().Contain(JudgingKeys);
        run.Json["count"]!.GetValue<int>().Should().Be(12);
        var rows = File.ReadAllLines(output).Select(line => JsonNode.Parse(line)!).ToList();
        rows.Select(row => row["id"]!.GetValue<int>()).Should().Equal(Enumerable.Range(0, 12), "order of output is order of input");
        foreach (var row in rows)
        {
            var (ab, ba, chosen) = (row["p_ab"]!.GetValue<double>(), row["p_ba"]!.GetValue<double>(), row["score_chosen"]!.GetValue<double>());
            ab.Should().BeInRange(0, 1);
            chosen.Should().BeApproximately((ab + ba) / 2, 1e-9);
            row["score_rejected"]!.GetValue<double>().Should().BeApproximately(1 - chosen, 1e-9);
            row["correct"]!.GetValue<bool>().Should().Be(chosen > 0.5);
            row["order_disagreement"]!.GetValue<double>().Should().BeApproximately(Math.Abs(ab - ba), 1e-9);
        }
    }

    [Fact]
    public async Task Judge_Int8_ScoresNearlyAlike()
    {
        string[] command = ["judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--dtype", "float32", "--json"];

        var whole = await GramProgram.RunAsync(tiny.Root, command);
        var int8 = await GramProgram.RunAsync(tiny.Root, [.. command, "--reward_model_quantization_bit", "8"]);

        int8.ExitCode.Should().Be(0, int8.Error);
        var gaps = Scores(whole).Zip(Scores(int8), (a, b) => Math.Abs(a - b)).ToList();
        gaps.Max().Should().BeGreaterThan(0).And.BeLessThan(0.02);

        static IEnumerable<double> Scores(ProgramRun run) => run.Json["pairs"]!.AsArray().Select(pair => pair!["score_chosen"]!.GetValue<double>());
    }

    [Fact]
    public async Task BestOfN_Int8PolicyAndJudge_Runs()
    {
        var run = await GramProgram.RunAsync(
            tiny.Root, "best-of-n", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--input", tiny.Prompts, "--n", "1,2", "--max_new_tokens", "4", "--quantization_bit", "8", "--reward_model_quantization_bit", "8", "--json");

        run.ExitCode.Should().Be(0, run.Error);
    }

    [Fact]
    public async Task Judge_EqualAnswers_AreATieWithoutAComparison()
    {
        var pairs = tiny.Write("equal.jsonl", """{"prompt": "Hello?", "response_a": "Hi.", "response_b": "Hi."}""");

        var run = await GramProgram.RunAsync(tiny.Root, "judge", "--reward_model", tiny.Judge, "--input", pairs, "--json");

        run.ExitCode.Should().Be(0);
        run.Json["comparisons"]!.GetValue<int>().Should().Be(0);
        run.Json["pairs"]![0]!["score_a"]!.GetValue<double>().Should().Be(0.5);
    }

    [Theory]
    [InlineData("linear")]
    [InlineData("knockout")]
    public async Task Rerank_Generations_RecordsEveryComparison(string method)
    {
        var generations = tiny.Write($"{method}.jsonl", """{"prompt": "My phone is broken.", "responses": ["Please restart it.", "No.", "Thank you.", "Buy one."], "id": 3}""");

        var run = await GramProgram.RunAsync(tiny.Root, "rerank", "--reward_model", tiny.Judge, "--input", generations, "--method", method);

        run.ExitCode.Should().Be(0);
        var row = JsonNode.Parse(run.Output)!;
        row["id"]!.GetValue<int>().Should().Be(3);
        row["method"]!.GetValue<string>().Should().Be(method);
        row["ranking"]!.AsArray().Select(index => index!.GetValue<int>()).Should().BeEquivalentTo([0, 1, 2, 3]);
        row["best"]!.GetValue<int>().Should().Be(row["ranking"]![0]!.GetValue<int>());
        row["comparisons"]!.AsArray().Should().HaveCount(3, "n − 1 comparisons find the best of n");
        row["comparisons"]![2]!["round"]!.GetValue<int>().Should().Be(method == "linear" ? 3 : 2);
    }

    [Fact]
    public async Task BestOfN_PromptsFromFile_ReportsEveryN()
    {
        var output = Path.Combine(tiny.Root, "best.jsonl");

        var run = await GramProgram.RunAsync(tiny.Root, "best-of-n", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--input", tiny.Prompts, "--output", output, "--n", "1,2,4", "--max_new_tokens", "8", "--json");

        run.ExitCode.Should().Be(0);
        run.Json["n"]!.AsArray().Select(n => n!.GetValue<int>()).Should().Equal(1, 2, 4);
        run.Json["win_rate"]!.AsArray().Should().HaveCount(3).And.OnlyContain(estimate => estimate!["low"]!.GetValue<double>() <= estimate!["high"]!.GetValue<double>());
        run.Json["kl"]![1]!.GetValue<double>().Should().BeApproximately(Math.Log(2) - 0.5, 1e-12);
        File.ReadAllLines(output).Should().HaveCount(3);
    }
}
