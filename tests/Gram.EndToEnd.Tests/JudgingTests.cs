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
    public async Task Judge_Interrupted_GoesOnWhereItStoppedAndEndsTheSame()
    {
        var pairs = tiny.Write("many.jsonl", [.. Enumerable.Range(0, 1200).Select(i => $$"""{"prompt": "My phone number {{i}} is broken.", "chosen": "Please restart it {{i % 7}}.", "rejected": "No {{i}}.", "id": {{i}}}""")]);
        var (whole, output) = (Path.Combine(tiny.Root, "whole.jsonl"), Path.Combine(tiny.Root, "interrupted.jsonl"));
        string[] command = ["judge", "--reward_model", tiny.Judge, "--input", pairs, "--dtype", "float32", "--json", "--output"];

        var process = GramProgram.Start(tiny.Root, [.. command, output]);
        while (!process.HasExited && !Partial().Any(file => file.Length > 0)) await Task.Delay(5);
        GramProgram.Interrupt(process);
        var interrupted = await GramProgram.FinishAsync(process);
        var left = Partial().Should().ContainSingle().Subject;
        var rowsLeft = File.ReadAllLines(left.FullName).Length;
        File.AppendAllText(left.FullName, """{"prompt": "My phone num"""); // as a power cut would leave it
        var resumed = await GramProgram.RunAsync(tiny.Root, [.. command, output]);
        var straight = await GramProgram.RunAsync(tiny.Root, [.. command, whole]);

        interrupted.ExitCode.Should().Be(130, interrupted.Error);
        rowsLeft.Should().BeInRange(256, 1199);
        resumed.ExitCode.Should().Be(0, resumed.Error);
        resumed.Error.Should().Contain($"going on after {rowsLeft} pairs");
        File.ReadAllBytes(output).Should().Equal(File.ReadAllBytes(whole), "the rows are judged in the same windows");
        foreach (var key in (string[])["count", "comparisons", "order_disagreement", "accuracy"]) resumed.Json[key]!.ToJsonString().Should().Be(straight.Json[key]!.ToJsonString());
        Partial().Should().BeEmpty();

        IEnumerable<FileInfo> Partial() => new DirectoryInfo(tiny.Root).EnumerateFiles("interrupted.jsonl.*.partial");
    }

    [Fact]
    public async Task Judge_Rationale_VotesAndKeepsTheRationales()
    {
        string[] command = ["judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--rationale", "--votes", "2", "--rationale_max_new_tokens", "8", "--rationale_prompt", "{question} {answer_a} or {answer_b}: ", "--json"];

        var run = await GramProgram.RunAsync(tiny.Root, command);
        var again = await GramProgram.RunAsync(tiny.Root, command);

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["rationales"]!.GetValue<int>().Should().Be(12 * 2 * 2);
        foreach (var pair in run.Json["pairs"]!.AsArray())
        {
            foreach (var order in (string[])["ab", "ba"]) pair!["rationales"]![order]!.AsArray().Should().HaveCount(2);
            // Votes of two: 0, 1, or the share of the first vote's weight.
            var votes = pair!["rationales"]!["ab"]!.AsArray().Select(vote => (First: vote!["vote"]!.GetValue<string>() == "A", Weight: vote["probability"]!.GetValue<double>())).ToList();
            pair["p_ab"]!.GetValue<double>().Should().BeApproximately(votes.Where(vote => vote.First).Sum(vote => vote.Weight) / votes.Sum(vote => vote.Weight), 1e-12);
        }
        again.Json["pairs"]!.ToJsonString().Should().Be(run.Json["pairs"]!.ToJsonString(), "one seed, one run");
    }

    [Fact]
    public async Task Judge_VotesWithoutRationale_IsRefused()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--votes", "4");

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("set --rationale");
    }

    [Fact]
    public async Task Rerank_Rationale_UsesTheSameJudge()
    {
        var generations = tiny.Write("reasoned.jsonl", """{"prompt": "My phone is broken.", "responses": ["Please restart it.", "No.", "Thank you."]}""");

        var run = await GramProgram.RunAsync(tiny.Root, "rerank", "--reward_model", tiny.Judge, "--input", generations, "--rationale", "--rationale_max_new_tokens", "8", "--rationale_prompt", "{question} {answer_a} or {answer_b}: ");

        run.ExitCode.Should().Be(0, run.Error);
        JsonNode.Parse(run.Output)!["comparisons"]!.AsArray().Should().HaveCount(2);
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
    [InlineData("linear", 3, 3)]
    [InlineData("knockout", 3, 2)]
    [InlineData("round_robin", 6, 1)]
    public async Task Rerank_Generations_RecordsEveryComparison(string method, int comparisons, int rounds)
    {
        var generations = tiny.Write($"{method}.jsonl", """{"prompt": "My phone is broken.", "responses": ["Please restart it.", "No.", "Thank you.", "Buy one."], "id": 3}""");

        var run = await GramProgram.RunAsync(tiny.Root, "rerank", "--reward_model", tiny.Judge, "--input", generations, "--method", method);

        run.ExitCode.Should().Be(0);
        var row = JsonNode.Parse(run.Output)!;
        row["id"]!.GetValue<int>().Should().Be(3);
        row["method"]!.GetValue<string>().Should().Be(method);
        row["ranking"]!.AsArray().Select(index => index!.GetValue<int>()).Should().BeEquivalentTo([0, 1, 2, 3]);
        row["best"]!.GetValue<int>().Should().Be(row["ranking"]![0]!.GetValue<int>());
        row["comparisons"]!.AsArray().Should().HaveCount(comparisons);
        row["comparisons"]![comparisons - 1]!["round"]!.GetValue<int>().Should().Be(rounds);
        (row["strengths"]?.AsArray().Count ?? 0).Should().Be(method == "round_robin" ? 4 : 0);
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
