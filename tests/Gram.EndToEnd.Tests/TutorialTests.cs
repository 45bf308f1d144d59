using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>docs/tutorial.md, command by command.</summary>
[Collection(ProgramTests.Name)]
public sealed class TutorialTests : IDisposable
{
    private readonly PageWalk walk = new("tutorial.md");

    public void Dispose() => walk.Dispose();

    [Fact]
    public async Task Walk_AsWritten_AlignsRanksAndServes()
    {
        walk.Blocks.Select(block => string.Join(' ', block.Split('\n')[^1].Split(' ').Take(2))).Should().Equal(
            "gram() {", "gram generate", "END", "gram judge", "gram eval", "gram ppo", "gram generate", "gram best-of-n", "gram rerank", "gram serve", "curl -s");
        walk.Before = walk.Blocks[0];

        var rude = await walk.RunAsync(walk.Blocks[1]);
        await walk.RunAsync(walk.Blocks[2]);
        var judged = await walk.RunAsync(walk.Blocks[3]);
        var evaluated = await walk.RunAsync(walk.Blocks[4]);
        var aligned = await walk.RunAsync(walk.Blocks[5]);
        var polite = await walk.RunAsync(walk.Blocks[6]);
        var picked = await walk.RunAsync(walk.Blocks[7]);
        await walk.RunAsync(walk.Blocks[8]);

        rude.Output.Should().Contain("Not you again.");
        judged.Output.Should().Contain("of 2 ranked pairs right");
        Rows("scored.jsonl").Select(row => (double)row["score_chosen"]!).Should().SatisfyRespectively(sure => sure.Should().BeGreaterThan(0.75), unsure => unsure.Should().BeInRange(0.35, 0.65));
        evaluated.Output.Should().Contain("length rule");
        aligned.Output.Should().Contain("gold score").And.Contain(Path.Combine("runs", "tutorial", "report.html"));
        var gold = Rows("runs/tutorial/trainer_log.jsonl").Select(line => (double?)line["eval/gold"]).OfType<double>().Last();
        gold.Should().BeGreaterThan(0.6, "the page promises a better policy than one of 0.36");
        polite.Output.Should().NotContain("Not you again.");
        picked.Output.Should().MatchRegex(@"(?m)^ +1 +0\.\d+ .*\n +4 +0\.\d+ .*\n +16 +0\.\d+ ");
        Rows("ranked.jsonl").Should().HaveCount(2).And.OnlyContain(row => row["responses"]!.AsArray().Count == 4 && row["ranking"]!.AsArray().Count == 4);
        foreach (var file in (string[])["runs/eval/report.html", "runs/tutorial/report.html", "runs/best-of-n/report.html"]) File.Exists(walk.PathOf(file)).Should().BeTrue(file);

        using var server = await walk.ServeAsync(walk.Blocks[9]);
        (await walk.AskAsync(walk.Blocks[10], server))["results"]![0]!["score_a"]!.GetValue<double>().Should().BeGreaterThan(0.5);
        await server.StopAsync("INT");
    }

    private List<JsonNode> Rows(string file) => [.. File.ReadLines(walk.PathOf(file)).Select(line => JsonNode.Parse(line)!)];
}
