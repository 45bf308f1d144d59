using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

[Collection(ProgramTests.Name)]
public sealed class EvalTests(TinyModels tiny)
{
    private static readonly string[] Keys = ["benchmark", "count", "groups", "average", "overall", "interval", "order_disagreement", "length_rule"];

    [Fact]
    public async Task Eval_FileOfScores_WritesTableJsonAndPage()
    {
        var scores = tiny.Write(
            "judge.res",
            """{"source": "mmlu-pro-law", "prompt": "Q", "chosen": "longer", "rejected": "short", "score_chosen": 0.9, "score_rejected": 0.1, "correct": true}""",
            """{"source": "mmlu-pro-law", "prompt": "Q", "chosen": "short", "rejected": "longer", "score_chosen": 0.4, "score_rejected": 0.6, "correct": false}""",
            """{"source": "livecodebench", "prompt": "Q", "chosen": "short", "rejected": "longer", "score_chosen": 0.8, "score_rejected": 0.2, "correct": true}""",
            """{"source": "livebench-math", "prompt": "Q", "chosen": "a", "rejected": "b", "score_chosen": 0.5, "score_rejected": 0.5, "correct": false}""");
        var folder = Path.Combine(tiny.Root, "eval-scores");

        var run = await GramProgram.RunAsync(tiny.Root, "eval", "judgebench", "--scores", scores, "--published", "--output_dir", folder, "--json");

        run.ExitCode.Should().Be(0, run.Error);
        run.Json.Select(pair => pair.Key).Should().Contain(Keys);
        run.Json["groups"]!.AsObject().ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<double>()).Should().BeEquivalentTo(new Dictionary<string, double> { ["Knowledge"] = 50, ["Math"] = 0, ["Coding"] = 100 });
        (Number("average"), Number("overall"), Number("length_rule")).Should().Be((50, 50, 25));
        run.Json["interval"]!.AsArray().Should().HaveCount(2);
        run.Json["order_disagreement"].Should().BeNull("the script's output does not say the orders");
        run.Json["published"]!.AsArray().Select(row => row!["model"]!.GetValue<string>()).Should().Contain("GRAM-Qwen3-14B");
        run.Error.Should().Contain("no item of Reasoning");
        var page = File.ReadAllText(Path.Combine(folder, "judgebench.md"));
        page.Should().Contain("GRAM-Qwen3-14B (published)").And.Contain("judgebench.reliability.svg").And.Contain("| length rule | 50.00 |");
        File.ReadAllText(Path.Combine(folder, "judgebench.reliability.svg")).Should().StartWith("<svg").And.EndWith("</svg>\n");
        JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "judgebench.json")))!["overall"]!.GetValue<double>().Should().Be(50);

        double Number(string key) => run.Json[key]!.GetValue<double>();
    }

    /// <summary>What the judge said is written as scored rows, which are evaluated again without it.</summary>
    [Theory]
    [InlineData("pairs", """{"prompt": "My phone is broken.", "chosen": "Please restart it.", "rejected": "No."}""")]
    [InlineData("llmbar", """{"input": "My phone is broken.", "output_1": "No.", "output_2": "Please restart it.", "label": 2}""")]
    [InlineData("alpaca-eval", """{"instruction": "My phone is broken.", "output_1": "No.", "output_2": "Please restart it.", "preference": 2}""")]
    [InlineData("rm-bench", """{"id": 1, "domain": "chat", "prompt": "My phone is broken.", "chosen": ["Yes.", "Please restart it.", "*Please* restart it."], "rejected": ["No.", "No, not today.", "*No*, not today."]}""")]
    public async Task Eval_Judge_IsRepeatedByItsScores(string benchmark, string row)
    {
        var data = tiny.Write($"eval-{benchmark}.jsonl", row, row.Replace("phone", "router", StringComparison.Ordinal).Replace("\"id\": 1", "\"id\": 2", StringComparison.Ordinal));
        var folder = Path.Combine(tiny.Root, $"eval-{benchmark}");

        var judged = await GramProgram.RunAsync(tiny.Root, "eval", benchmark, "--dataset", data, "--reward_model", tiny.Judge, "--output_dir", folder, "--json");
        var again = await GramProgram.RunAsync(tiny.Root, "eval", benchmark, "--scores", Path.Combine(folder, $"{benchmark}.scored.jsonl"), "--output_dir", folder + "-again", "--json");

        judged.ExitCode.Should().Be(0, judged.Error);
        again.ExitCode.Should().Be(0, again.Error);
        judged.Json["count"]!.GetValue<int>().Should().Be(2);
        judged.Json["order_disagreement"]!.GetValue<double>().Should().BeGreaterThan(0, "an untrained judge looks at the place");
        foreach (var key in Keys) again.Json[key]!.ToJsonString().Should().Be(judged.Json[key]!.ToJsonString(), key);
    }

    [Fact]
    public async Task Eval_Rationale_VotesAndKeepsTheRationales()
    {
        var folder = Path.Combine(tiny.Root, "eval-reasoned");
        string[] reasoning = ["--rationale", "--votes", "2", "--rationale_max_new_tokens", "8", "--rationale_prompt", "{question} {answer_a} or {answer_b}: "];

        var run = await GramProgram.RunAsync(tiny.Root, ["eval", "pairs", "--dataset", tiny.Pairs, "--reward_model", tiny.Judge, "--output_dir", folder, "--json", .. reasoning]);
        var judged = await GramProgram.RunAsync(tiny.Root, ["judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--json", .. reasoning]);

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["rationales"]!.GetValue<int>().Should().Be(12 * 2 * 2);
        var rows = File.ReadLines(Path.Combine(folder, "pairs.scored.jsonl")).Select(line => JsonNode.Parse(line)!).ToList();
        foreach (var (row, other) in rows.Zip(judged.Json["pairs"]!.AsArray())) row.ToJsonString().Should().Be(other!.ToJsonString(), "judge and eval ask the same judge");
        run.Json["overall"]!.GetValue<double>().Should().BeApproximately(100.0 * rows.Count(row => row["correct"]!.GetValue<bool>()) / 12, 1e-9);
    }

    [Fact]
    public async Task Eval_Baselines_StandBesideTheJudge()
    {
        var run = tiny.Write("baselines.yaml", $"model_name_or_path: {tiny.Policy}", $"dataset: {tiny.Pairs}", "gram_loss: true", "template: none", "max_steps: 2", "per_device_train_batch_size: 4", "gradient_accumulation_steps: 1");

        var evaluated = await GramProgram.RunAsync(tiny.Root, "eval", "pairs", "--dataset", tiny.Pairs, "--reward_model", tiny.Judge, "--baselines", "--baseline_run", run, "--json");

        evaluated.ExitCode.Should().Be(0, evaluated.Error);
        var baselines = evaluated.Json["baselines"]!.AsArray().ToDictionary(row => row!["name"]!.GetValue<string>(), row => row!["overall"]!.GetValue<double>());
        baselines.Keys.Should().Equal("length rule", "bag of words", "Bradley–Terry head");
        baselines["bag of words"].Should().Be(100, "it is asked what it was trained on");
        evaluated.Json["length_rule"]!.GetValue<double>().Should().Be(baselines["length rule"]);
    }

    [Theory]
    [InlineData("'benchmark' is none of its values: rewardbench", "rewardbench")]
    [InlineData("or --scores FILE", "pairs")]
    [InlineData("--dataset is needed", "pairs", "--reward_model", "judge")]
    [InlineData("nowhere.jsonl", "pairs", "--scores", "nowhere.jsonl")]
    [InlineData("has no config.yaml of its training", "pairs", "--dataset", "pairs.jsonl", "--reward_model", "judge", "--baselines")]
    [InlineData("a file of scores is evaluated as it stands", "pairs", "--scores", "x.jsonl", "--rationale")]
    [InlineData("set --rationale", "pairs", "--dataset", "pairs.jsonl", "--reward_model", "judge", "--votes", "4")]
    [InlineData("group_by", "llmbar", "--scores", "x.jsonl", "--group_by", "kind")]
    public async Task Eval_Mistake_IsOneLine(string message, params string[] args)
    {
        var run = await GramProgram.RunAsync(tiny.Root, ["eval", .. args]);

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain(message);
    }
}
