using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Gram.EndToEnd.Tests;

/// <summary>docs/released-judges.md, command by command, with a tiny checkpoint behind the released one's name.</summary>
[Collection(ProgramTests.Name)]
public sealed partial class ReleasedJudgesTests : IDisposable
{
    private const string Released = "wangclnlp/GRAM-Qwen3-1.7B-RewardModel", Address = "http://127.0.0.1:5080";

    private readonly FakeHub hub = new();
    private readonly TemporaryDirectory home = new();

    public ReleasedJudgesTests()
    {
        hub.Add(Released, TinyCheckpoint.Create(home.File("stand-in"), context: 4096));
        Directory.CreateSymbolicLink(home.File("configs"), Path.Combine(Repository.Root, "configs"));
        Directory.CreateDirectory(home.File("data"));
        File.WriteAllLines(home.File("data/my-pairs.jsonl"), Pairs(0, 10));
        File.WriteAllLines(home.File("data/my-test-pairs.jsonl"), Pairs(10, 4));
    }

    public void Dispose()
    {
        hub.Dispose();
        home.Dispose();
    }

    [Fact]
    public async Task Walk_AsWritten_FineTunesEvaluatesAndServes()
    {
        var commands = Commands().ToList();
        commands.Select(command => command.Split(' ')[0]).Should().Equal("gram", "gram", "gram", "gram", "dotnet", "curl");

        foreach (var (command, printed) in commands.Take(4).Zip((string[])["of 4 ranked pairs right", "held out: ", "of 4 ranked pairs right", "length rule"]))
        {
            var run = await RunAsync(command);
            run.ExitCode.Should().Be(0, $"{command}: {run.Error}");
            run.Output.Should().Contain(printed);
        }
        hub.Transfers.Count(request => request.Path.EndsWith("model.safetensors", StringComparison.Ordinal)).Should().Be(1, "the first command downloads it, the second finds it");
        var (before, after) = (Scores("before.jsonl"), Scores("after.jsonl"));
        after.Should().HaveCount(4).And.NotEqual(before, "it was trained");
        Scores("eval/pairs.scored.jsonl").Should().Equal(after, "it is the same judge");
        JsonNode.Parse(File.ReadAllText(home.File("runs/eval/pairs.json")))!["overall"]!.GetValue<double>().Should().Be(25.0 * after.Count(score => score > 0.5));
        JsonNode.Parse(File.ReadAllText(home.File("runs/gram-qwen3-1.7b/gram_config.json")))!["labels"]!.AsArray().Select(label => label!.GetValue<string>()).Should().Equal("A", "B");

        using var server = AspNetExampleTests.Start(home.Path, commands[4].Split(" -- ")[1].Replace(Address, "http://127.0.0.1:0", StringComparison.Ordinal).Split(' '));
        using var client = new HttpClient { BaseAddress = await AspNetExampleTests.AddressAsync(server) };
        commands[5].Should().StartWith($"curl -s {Address}/judge ");
        var response = await client.PostAsync(new Uri("judge", UriKind.Relative), new StringContent(Body().Match(commands[5]).Groups[1].Value, Encoding.UTF8, "application/json"));
        var answer = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>();
        answer!["scoreA"]!.GetValue<double>().Should().BeInRange(0, 1);
        GramProgram.Interrupt(server);
        await server.WaitForExitAsync();
    }

    /// <summary>The page's shell commands, in order.</summary>
    private static IEnumerable<string> Commands() =>
        Blocks().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "released-judges.md"))).SelectMany(block => block.Groups[1].Value.Trim().Split('\n'));

    private Task<ProgramRun> RunAsync(string command) => GramProgram.RunAsync(
        home.Path, new Dictionary<string, string> { ["HF_ENDPOINT"] = hub.Endpoint.ToString(), ["HF_HOME"] = home.File("cache"), ["HF_HUB_CACHE"] = "", ["HF_HUB_OFFLINE"] = "0" }, command.Split(' ')[1..]);

    private List<double> Scores(string file) => [.. File.ReadLines(home.File($"runs/{file}")).Select(line => JsonNode.Parse(line)!["score_chosen"]!.GetValue<double>())];

    private static IEnumerable<string> Pairs(int first, int count) =>
        Enumerable.Range(first, count).Select(i => $$"""{"prompt": "My phone number {{i}} is broken.", "chosen": "Please restart it.", "rejected": "No {{i}}."}""");

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex("-d '(.*)'")]
    private static partial Regex Body();
}
