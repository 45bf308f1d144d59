using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>Commands whose judge is elsewhere: behind gram serve, in another process.</summary>
[Collection(ProgramTests.Name)]
public sealed class RemoteJudgeTests(TinyModels tiny)
{
    private static readonly string[] Float32 = ["--dtype", "float32"];

    [Fact]
    public async Task Commands_WithBaseUrl_JudgeAsWithTheCheckpoint()
    {
        var (here, there, cache) = (Path.Combine(tiny.Root, "here.jsonl"), Path.Combine(tiny.Root, "there.jsonl"), Path.Combine(tiny.Root, "scores.db"));
        var url = (await tiny.ServerAsync()).Address.ToString();

        var alone = await GramProgram.RunAsync(tiny.Root, ["judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--output", here, .. Float32]);
        var remote = await GramProgram.RunAsync(tiny.Root, "judge", "--base_url", url, "--judge_cache", cache, "--input", tiny.Pairs, "--output", there, "--json");
        var best = await GramProgram.RunAsync(tiny.Root, "best-of-n", "--model", tiny.Policy, "--base_url", url, "--input", tiny.Prompts, "--n", "1,2", "--max_new_tokens", "4", "--json");
        var ppo = await GramProgram.RunAsync(tiny.Root, "ppo", "--model", tiny.Policy, "--base_url", url, "--judge_cache", cache, "--dataset", tiny.Prompts, "--max_steps", "1", "--max_new_tokens", "4", "--per_device_train_batch_size", "2", "--ppo_buffer_size", "1", "--output_dir", Path.Combine(tiny.Root, "remote-ppo"), "--json");

        alone.ExitCode.Should().Be(0, alone.Error);
        remote.ExitCode.Should().Be(0, remote.Error);
        remote.Json["comparisons"]!.GetValue<int>().Should().Be(12);
        foreach (var (a, b) in Scores(here).Zip(Scores(there))) b.Should().BeApproximately(a, 1e-5);
        best.ExitCode.Should().Be(0, best.Error);
        ppo.ExitCode.Should().Be(0, ppo.Error);
        ppo.Json["steps"]!.GetValue<int>().Should().Be(1);
    }

    [Fact]
    public async Task Serve_WithBaseUrl_PutsTheTrainersProtocolsBeforeAJudgeElsewhere()
    {
        var judge = await tiny.ServerAsync();
        using var front = await ServerProcess.ServeAsync(tiny.Root, "--base_url", judge.Address.ToString());
        var body = new { query = new[] { "My phone is broken. Please restart it." }, prompts = new[] { "My phone is broken." }, labels = new[] { "No." } };

        var answers = new List<JsonObject>();
        foreach (var server in (ServerProcess[])[judge, front])
            answers.Add((await (await server.Client.PostAsJsonAsync(new Uri("get_reward", UriKind.Relative), body)).EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>())!);

        answers[1]["scores"]!.ToJsonString().Should().Be(answers[0]["scores"]!.ToJsonString());
        await front.StopAsync();
    }

    [Theory]
    [InlineData("base_url: nowhere is no address such as http://host:5080", "--base_url", "nowhere")]
    [InlineData("judge at http://127.0.0.1:1/ cannot be reached: *", "--base_url", "http://127.0.0.1:1/")]
    [InlineData("reward_model_adapters, reward_model_quantization_bit: *", "--base_url", "http://127.0.0.1:1", "--reward_model_quantization_bit", "8")]
    [InlineData("judge_config, judge_cache, judge_request_fields: they are of a judge elsewhere*", "--reward_model", "judge", "--judge_cache", "scores.db")]
    [InlineData("judge_request_fields: [1] is no JSON object", "--base_url", "http://127.0.0.1:1", "--judge_request_fields", "[1]")]
    [InlineData("rationale: a judge at base_url answers with labels alone*", "--base_url", "http://127.0.0.1:1", "--rationale")]
    [InlineData("judge_config: nowhere is neither a gram_config.json nor a folder that holds one", "--base_url", "http://127.0.0.1:1", "--reward_model", "gram", "--judge_config", "nowhere")]
    [InlineData("--reward_model is needed: *", "--votes", "1")]
    public async Task Judge_KeysThatDoNotGoTogether_AreOneLine(string message, params string[] keys)
    {
        var run = await GramProgram.RunAsync(tiny.Root, ["judge", "--input", tiny.Pairs, "--output", Path.Combine(tiny.Root, "never.jsonl"), .. keys]);

        run.ExitCode.Should().Be(2, run.Error);
        run.ErrorLine.Should().Match(message);
    }

    private static IEnumerable<double> Scores(string file) => File.ReadLines(file).Select(line => JsonNode.Parse(line)!["score_chosen"]!.GetValue<double>());
}
