using System.Text.Json.Nodes;
using System.Xml.Linq;
using Gram.Serving.Tests.Remote;

namespace Gram.EndToEnd.Tests;

/// <summary>Best-of-n as a product: answers from a server elsewhere, and training sets of what was chosen.</summary>
[Collection(ProgramTests.Name)]
public sealed class BestOfNTests(TinyModels tiny)
{
    private static readonly Dictionary<string, string> Key = new() { ["GRAM_GENERATOR_API_KEY"] = "secret" };

    [Fact]
    public async Task BestOfN_OnTheDemo_WritesSetsThatTrainReads()
    {
        using var folder = new TemporaryDirectory();
        var chosen = folder.File("chosen");

        var run = await RunAsync("best-of-n", "--n", "1,4", "--max_samples", "16", "--method", "round_robin", "--output_dir", chosen, "--json");
        var tuned = await RunAsync("train", "--model", "demo", "--dataset", "best_of_n_sft", "--dataset_dir", chosen, "--max_steps", "1", "--output_dir", folder.File("tuned"), "--json");
        var judge = await RunAsync("train", "--model", "demo", "--dataset", "best_of_n_preferences", "--dataset_dir", chosen, "--gram_loss", "--template", "none", "--gram_prompt", TinyModels.JudgeConfig.Prompt, "--gram_candidate_labels", "[\" A\",\" B\"]", "--max_steps", "1", "--output_dir", folder.File("judge"), "--json");

        foreach (var list in (string[])["gold", "gold_win_rate", "win_rate"]) run.Json[list]!.AsArray().Should().HaveCount(2).And.OnlyContain(estimate => estimate!["low"]!.GetValue<double>() <= estimate["mean"]!.GetValue<double>());
        run.Json["sft"]!.GetValue<int>().Should().Be(16);
        Rows(chosen, "sft.jsonl").Select(row => (string)row["output"]!).Should().Equal(Rows(chosen, "ranked.jsonl").Select(row => (string)row["responses"]![(int)row["best"]!]!));
        Rows(chosen, "preferences.jsonl").Should().HaveCount(run.Json["preferences"]!.GetValue<int>()).And.OnlyContain(row => (string)row["chosen"]! != (string)row["rejected"]!);
        var page = XDocument.Parse(File.ReadAllText(Path.Combine(chosen, "audit.html"))).Root!;
        page.Descendants("details").Should().HaveCount(16);
        (tuned.Json["steps"]!.GetValue<int>(), judge.Json["steps"]!.GetValue<int>()).Should().Be((1, 1));
        (await RunAsync("generate", "--model", folder.File("tuned"), "--prompt", "My router is broken.")).Output.Should().NotBeEmpty();

        async Task<ProgramRun> RunAsync(params string[] args)
        {
            var ended = await GramProgram.RunAsync(folder.Path, args);
            ended.ExitCode.Should().Be(0, ended.Error);
            return ended;
        }
    }

    [Theory]
    [InlineData(Dialect.Vllm)]
    [InlineData(Dialect.Ollama)]
    public async Task BestOfN_ModelElsewhere_PicksAmongItsAnswers(Dialect dialect)
    {
        await using var server = await CompletionServer.StartAsync(dialect);
        var folder = Path.Combine(tiny.Root, $"{dialect}");

        var run = await GramProgram.RunAsync(
            tiny.Root, Key, "best-of-n", "--generator_url", server.BaseUrl.ToString(), "--model", "policy", "--reward_model", tiny.Judge, "--input", tiny.Prompts,
            "--n", "1,2,4", "--max_new_tokens", "16", "--temperature", "0.8", "--output_dir", folder, "--seed", "5", "--json");

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["win_rate"]!.AsArray().Should().HaveCount(3);
        run.Json["kl"]![2]!.GetValue<double>().Should().BeApproximately(Math.Log(4) - 0.75, 1e-12);
        server.Requests.Should().OnlyContain(request => request.Authorization == "Bearer secret" && (double)request.Body["temperature"]! == 0.8 && (string)request.Body["model"]! == "policy");
        var rows = Rows(folder, "ranked.jsonl");
        rows.Should().HaveCount(3);
        foreach (var row in rows)
        {
            var question = (string?)row["prompt"] ?? (string)row["messages"]![0]!["content"]!;
            row["responses"]!.AsArray().Select(text => (string)text!).Should().HaveCount(4).And.OnlyHaveUniqueItems().And.OnlyContain(text => text.StartsWith(question, StringComparison.Ordinal));
        }
        Rows(folder, "sft.jsonl").Should().HaveCount(3);
    }

    [Fact]
    public async Task Generate_ModelElsewhere_WritesItsAnswers()
    {
        await using var server = await CompletionServer.StartAsync(Dialect.LlamaCpp);
        string[] model = ["generate", "--generator_url", server.BaseUrl.ToString(), "--model", "policy"];

        var sampled = await GramProgram.RunAsync(tiny.Root, [.. model, "--input", tiny.Prompts, "--n", "3", "--json"]);
        var raw = await GramProgram.RunAsync(tiny.Root, [.. model, "--prompt", "Once", "--template", "none"]);

        sampled.ExitCode.Should().Be(0, sampled.Error);
        (sampled.Json["responses"]!.GetValue<int>(), sampled.Json["tokens"]!.GetValue<int>()).Should().Be((9, 45));
        raw.Output.Should().StartWith("Once Answer ");
        server.Requests[^1].Path.Should().Be("/v1/completions");
        server.Requests[^1].Body["temperature"]!.GetValue<double>().Should().Be(0, "one answer is the likeliest");
    }

    [Theory]
    [InlineData("generator_url: nowhere is no address such as http://host:8000/v1", "--generator_url", "nowhere")]
    [InlineData("generator at http://127.0.0.1:1/v1 cannot be reached: *", "--generator_url", "http://127.0.0.1:1/v1")]
    [InlineData("generator_cache, generator_request_fields: they are of a model elsewhere*", "--generator_request_fields", "{}")]
    [InlineData("generator_request_fields: [1] is no JSON object", "--generator_url", "http://127.0.0.1:1", "--generator_request_fields", "[1]")]
    [InlineData("adapter_name_or_path, quantization_bit: *", "--generator_url", "http://127.0.0.1:1", "--quantization_bit", "8")]
    [InlineData("template: a model at generator_url has its server's own template; set auto for it, or none for raw text, instead of qwen3", "--generator_url", "http://127.0.0.1:1", "--template", "qwen3")]
    [InlineData("stream: a model at generator_url gives its answers whole*", "--generator_url", "http://127.0.0.1:1", "--stream")]
    public async Task Generate_KeysThatDoNotGoTogether_AreOneLine(string message, params string[] keys)
    {
        var run = await GramProgram.RunAsync(tiny.Root, ["generate", "--model", "policy", "--prompt", "Why?", .. keys]);

        run.ExitCode.Should().Be(2, run.Error);
        run.ErrorLine.Should().Match(message);
    }

    [Fact]
    public async Task BestOfN_ModelElsewhereWithoutItsName_AsksForIt()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "best-of-n", "--generator_url", "http://127.0.0.1:1");

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().StartWith("--model_name_or_path is needed: ");
    }

    [Fact]
    public async Task Rerank_WithAFolder_WritesSetsAndPage()
    {
        var folder = Path.Combine(tiny.Root, "reranked");
        var generations = tiny.Write("two.jsonl", """{"prompt": "My phone is broken.", "responses": ["Please restart it.", "No.", "Buy one."]}""", """{"prompt": "Hello?", "responses": ["Hi."]}""");

        var run = await GramProgram.RunAsync(tiny.Root, "rerank", "--reward_model", tiny.Judge, "--input", generations, "--output_dir", folder, "--json");

        run.ExitCode.Should().Be(0, run.Error);
        (run.Json["sft"]!.GetValue<int>(), run.Json["preferences"]!.GetValue<int>()).Should().Be((2, 1));
        Rows(folder, "ranked.jsonl").Should().HaveCount(2);
        File.Exists(run.Json["page"]!.GetValue<string>()).Should().BeTrue();
    }

    private static JsonObject[] Rows(string folder, string file) => [.. File.ReadLines(Path.Combine(folder, file)).Select(line => JsonNode.Parse(line)!.AsObject())];
}
