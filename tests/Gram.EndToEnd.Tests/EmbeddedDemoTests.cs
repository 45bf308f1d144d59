using System.Text.Json.Nodes;
using Gram.Host.Demo;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.EndToEnd.Tests;

/// <summary>The commands that run on a fresh clone without arguments, cut to a few steps and prompts.</summary>
[Collection(ProgramTests.Name)]
public sealed class EmbeddedDemoTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Ppo_OnTheDemo_ReportsGoldAndWinRatesAndSavesAModel()
    {
        var run = await RunAsync("ppo", "--max_steps", "1", "--max_samples", "32", "--per_device_train_batch_size", "8");

        run.Output.Should().Contain("gold score").And.Contain("win rate").And.Contain("KL").And.Contain("before").And.Contain("after").And.Contain("runs");
        var model = Directory.GetDirectories(folder.File("runs")).Should().ContainSingle().Subject;
        var report = System.Xml.Linq.XDocument.Parse(File.ReadAllText(Path.Combine(model, "report.html")));
        report.Descendants().Where(element => (string?)element.Attribute("data-metric") == "eval/gold").Should().ContainSingle();
        report.Descendants("th").Select(cell => cell.Value).Should().Contain(["gold score after", "eval/win_rate_vs_initial"]);
        (await RunAsync("generate", "--model", model, "--prompt", "My router is broken.")).Output.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Ppo_Again_TakesAFolderOfItsOwn()
    {
        string[] command = ["ppo", "--max_steps", "1", "--max_samples", "8", "--per_device_train_batch_size", "2", "--max_new_tokens", "8", "--json"];

        var first = await RunAsync(command);
        var second = await RunAsync(command);

        first.Json["gold"]!["before"]!.ToJsonString().Should().Be(second.Json["gold"]!["before"]!.ToJsonString(), "the same seed gives the same numbers");
        first.Json["kl"]!.GetValue<double>().Should().Be(second.Json["kl"]!.GetValue<double>());
        second.Json["model"]!.GetValue<string>().Should().NotBe(first.Json["model"]!.GetValue<string>());
    }

    [Fact]
    public async Task Align_OnTheDemo_TrainsAJudgeFromRawPairs()
    {
        var run = await RunAsync("align", "--max_steps", "1", "--max_samples", "16", "--per_device_train_batch_size", "4", "--max_new_tokens", "16", "--stage1_max_steps", "1", "--stage2_max_steps", "1", "--json");

        run.Json["judge"]!["count"]!.GetValue<int>().Should().BeGreaterThan(0);
        run.Json["gold"]!["after"]!["mean"]!.GetValue<double>().Should().BeInRange(0, 1);
    }

    [Fact]
    public async Task Judge_OnTheDemo_AgreesWithTheGoldRule()
    {
        var pairs = DemoWorld.Pairs(DemoDefaults.World.JudgeHeldOut, 100, noise: 0, new RandomSource(5));
        JsonRows.Write(folder.File("pairs.jsonl"), pairs.Select(pair => new JsonObject { ["prompt"] = pair.Message, ["chosen"] = pair.Chosen, ["rejected"] = pair.Rejected }));

        (await RunAsync("judge", "--reward_model", "demo", "--input", "pairs.jsonl", "--output", "scored.jsonl", "--json")).Json["accuracy"]!.GetValue<double>().Should().BeGreaterThan(0.75);
    }

    private async Task<ProgramRun> RunAsync(params string[] args)
    {
        var run = await GramProgram.RunAsync(folder.Path, args);
        run.ExitCode.Should().Be(0, run.Error);
        return run;
    }
}
