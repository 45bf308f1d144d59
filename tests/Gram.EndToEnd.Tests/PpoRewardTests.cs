using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>PPO whose reward has terms beside the judge.</summary>
[Collection(ProgramTests.Name)]
public sealed class PpoRewardTests(TinyModels tiny) : IDisposable
{
    private static readonly string Plugin = Path.Combine(AppContext.BaseDirectory, "Gram.Examples.RewardPlugin.dll");

    private readonly LocalRewardServer server = new();

    public void Dispose() => server.Dispose();

    [Fact]
    public async Task Ppo_PluginServerAndLength_AreTermsOfTheReward()
    {
        var folder = Path.Combine(tiny.Root, "mixture");

        var run = await RunAsync(folder, "--reward_plugins", Plugin, "--reward_servers", $"letters={server.Address}", "--reward_weights", "judge=1,length=0.1,letters=0.5,repetition=0.2");

        run.ExitCode.Should().Be(0, run.Error);
        var steps = File.ReadLines(Path.Combine(folder, "trainer_log.jsonl")).Select(line => JsonNode.Parse(line)!).Where(line => line["objective/scores"] is not null).ToList();
        steps.Should().HaveCount(2);
        foreach (var step in steps)
        {
            (Number("reward/length"), Number("reward/repetition")).Should().Match<(double Length, double Repetition)>(means => means.Length < 0 && means.Length >= -1 && means.Repetition <= 0 && means.Repetition >= -1);
            Number("objective/scores").Should().BeApproximately(Number("reward/judge") + (0.1 * Number("reward/length")) + (0.5 * Number("reward/letters")) + (0.2 * Number("reward/repetition")), 1e-9);

            double Number(string name) => step[name]!.GetValue<double>();
        }
        var asked = server.Requests.SelectMany(request => request["query"]!.AsArray().Zip(request["prompts"]!.AsArray(), (query, prompt) => (Query: query!.GetValue<string>(), Prompt: prompt!.GetValue<string>()))).ToList();
        asked.Should().HaveCount(2 * 4).And.OnlyContain(pair => pair.Query.StartsWith(pair.Prompt, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ppo_ServerThatRefuses_IsOneLine()
    {
        server.Intercept = (_, context) =>
        {
            LocalRewardServer.Send(context, "no such model", 400);
            return true;
        };

        var run = await RunAsync(Path.Combine(tiny.Root, "refused"), "--reward_servers", server.Address.ToString());

        run.ExitCode.Should().Be(2);
        run.Error.TrimEnd().Split('\n')[^1].Should().Be($"reward_servers: server, {server.Address}, answered 400 (no such model): see the server's log", "notices of the run's beginning stand before it");
    }

    [Fact]
    public async Task Ppo_PluginThatIsMissing_IsOneLine()
    {
        var run = await RunAsync(Path.Combine(tiny.Root, "no-plugin"), "--reward_plugins", "nowhere.dll");

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("reward_plugins: nowhere.dll: no such file");
        Directory.Exists(Path.Combine(tiny.Root, "no-plugin")).Should().BeFalse();
    }

    private Task<ProgramRun> RunAsync(string folder, params string[] args) => GramProgram.RunAsync(tiny.Root,
    [
        "ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--template", "none", "--output_dir", folder,
        "--max_steps", "2", "--max_new_tokens", "8", "--per_device_train_batch_size", "2", "--ppo_buffer_size", "2", "--advantage", "gae", .. args,
    ]);
}
