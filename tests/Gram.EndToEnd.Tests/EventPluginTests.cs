using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>examples/event-plugin: subscribers of a run's events that are no part of the program.</summary>
[Collection(ProgramTests.Name)]
public sealed class EventPluginTests(TinyModels tiny)
{
    private static readonly string Plugin = Path.Combine(AppContext.BaseDirectory, "Gram.Examples.EventPlugin.dll");

    [Fact]
    public async Task Ppo_SubscriberThatStops_LeavesACheckpointThatGoesOn()
    {
        var (folder, metrics) = (Path.Combine(tiny.Root, "target"), Path.Combine(tiny.Root, "metrics.csv"));
        string[] args = ["ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts, "--template", "none", "--output_dir", folder,
            "--max_steps", "3", "--eval_steps", "1", "--max_new_tokens", "8", "--per_device_train_batch_size", "2", "--ppo_buffer_size", "1"];

        var run = await GramProgram.RunAsync(tiny.Root, new Dictionary<string, string> { ["TARGET_WIN_RATE"] = "0", ["METRICS_CSV"] = metrics }, [.. args, "--event_plugins", Plugin]);

        run.ExitCode.Should().Be(3);
        run.Error.TrimEnd().Split('\n')[^1].Should().MatchRegex(@"^stopped after step 1: win rate 0\.\d+ has reached 0; the last good checkpoint is .*checkpoint-1$");
        File.ReadAllText(metrics).Should().MatchRegex(@"(?m)^ppo,1,objective/kl,").And.NotMatchRegex("(?m)^ppo,2,");
        (await GramProgram.RunAsync(tiny.Root, "runs", folder)).Output.Should().MatchRegex($"{folder} +ppo .* resumable +1 ");

        var resumed = await GramProgram.RunAsync(tiny.Root, [.. args, "--resume_from_checkpoint", "true", "--json"]);

        resumed.ExitCode.Should().Be(0, resumed.Error);
        resumed.Json["steps"]!.GetValue<int>().Should().Be(3);
        JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "result.json")))!.ToJsonString().Should().Be(resumed.Json.ToJsonString());
    }

    [Fact]
    public async Task Ppo_PluginWithoutASubscriber_IsOneLine()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "ppo", "--event_plugins", Path.Combine(AppContext.BaseDirectory, "Gram.Examples.RewardPlugin.dll"), "--output_dir", Path.Combine(tiny.Root, "no-subscriber"));

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().StartWith("event_plugins: ").And.Contain("has no public class that implements Gram.Pipes.Events.IMessageHandler of a run's event");
    }
}
