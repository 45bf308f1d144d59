using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>docs/released-judges.md, command by command, with a tiny checkpoint behind the released one's name.</summary>
[Collection(ProgramTests.Name)]
public sealed class ReleasedJudgesTests : IDisposable
{
    /// <summary>The checkpoint that the pages name.</summary>
    public const string Released = "wangclnlp/GRAM-Qwen3-1.7B-RewardModel";

    private readonly FakeHub hub = new();
    private readonly PageWalk walk = new("released-judges.md");

    public ReleasedJudgesTests()
    {
        hub.Add(Released, TinyCheckpoint.Create(walk.PathOf("stand-in"), context: 4096));
        walk.Use(hub);
        walk.Write("data/my-pairs.jsonl", Pairs(0, 10));
        walk.Write("data/my-test-pairs.jsonl", Pairs(10, 4));
    }

    public void Dispose()
    {
        hub.Dispose();
        walk.Dispose();
    }

    [Fact]
    public async Task Walk_AsWritten_FineTunesEvaluatesAndServes()
    {
        walk.Blocks.Select(block => block.Split(' ')[0]).Should().Equal("gram", "gram", "gram", "gram", "dotnet", "curl");

        foreach (var (block, printed) in walk.Blocks.Take(4).Zip((string[])["of 4 ranked pairs right", "held out: ", "of 4 ranked pairs right", "length rule"]))
            (await walk.RunAsync(block)).Output.Should().Contain(printed);
        hub.Transfers.Count(request => request.Path.EndsWith("model.safetensors", StringComparison.Ordinal)).Should().Be(1, "the first command downloads it, the second finds it");
        var (before, after) = (Scores("before.jsonl"), Scores("after.jsonl"));
        after.Should().HaveCount(4).And.NotEqual(before, "it was trained");
        Scores("eval/pairs.scored.jsonl").Should().Equal(after, "it is the same judge");
        JsonNode.Parse(File.ReadAllText(walk.PathOf("runs/eval/pairs.json")))!["overall"]!.GetValue<double>().Should().Be(25.0 * after.Count(score => score > 0.5));
        JsonNode.Parse(File.ReadAllText(walk.PathOf("runs/gram-qwen3-1.7b/gram_config.json")))!["labels"]!.AsArray().Select(label => label!.GetValue<string>()).Should().Equal("A", "B");

        using var server = await walk.ServeAsync(walk.Blocks[4]);
        (await walk.AskAsync(walk.Blocks[5], server))["scoreA"]!.GetValue<double>().Should().BeInRange(0, 1);
        await server.StopAsync("INT");
    }

    private List<double> Scores(string file) => [.. File.ReadLines(walk.PathOf($"runs/{file}")).Select(line => JsonNode.Parse(line)!["score_chosen"]!.GetValue<double>())];

    private static IEnumerable<string> Pairs(int first, int count) =>
        Enumerable.Range(first, count).Select(i => $$"""{"prompt": "My phone number {{i}} is broken.", "chosen": "Please restart it.", "rejected": "No {{i}}."}""");
}
