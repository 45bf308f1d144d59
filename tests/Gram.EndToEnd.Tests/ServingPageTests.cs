using System.Text;
using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>docs/serving.md, command by command, with a tiny checkpoint behind the released one's name.</summary>
[Collection(ProgramTests.Name)]
public sealed class ServingPageTests : IDisposable
{
    private const string Rendered = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nSo.<|im_end|>\n";

    private readonly FakeHub hub = new();
    private readonly PageWalk walk = new("serving.md");

    public ServingPageTests()
    {
        hub.Add(ReleasedJudgesTests.Released, TinyCheckpoint.Create(walk.PathOf("stand-in"), context: 4096));
        walk.Use(hub);
        walk.Write("data/references.jsonl", """{"prompt": "Why?", "reference": "No."}""");
    }

    public void Dispose()
    {
        hub.Dispose();
        walk.Dispose();
    }

    [Fact]
    public async Task Walk_AsWritten_ServesWithAndWithoutKeys()
    {
        walk.Blocks.Select(block => block.Split(' ')[0]).Should().Equal("gram", "curl", "key=$(openssl");

        using (var server = await walk.ServeAsync(walk.Blocks[0]))
        {
            var answer = await walk.AskAsync(walk.Blocks[1], server);
            answer["results"]![0]!["score_a"]!.GetValue<double>().Should().BeInRange(0, 1);
            await server.StopAsync();
        }

        // The key is kept, so that the test can use it.
        using (var server = await walk.ServeAsync(walk.Blocks[2].Replace("\ngram serve", "\nprintf %s \"$key\" > key\ngram serve", StringComparison.Ordinal)))
        {
            var key = File.ReadAllText(walk.PathOf("key"));
            File.ReadAllText(walk.PathOf("keys.txt")).Should().MatchRegex("^trainer [0-9a-f]{64}\n$").And.NotContain(key);
            server.Client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"trainer:{key}"))); // what a URL with a name and a key becomes
            using var content = new StringContent(new JsonObject { ["model"] = "model", ["messages"] = new JsonArray(Rendered) }.ToJsonString(), Encoding.UTF8, "application/json");
            var answer = await server.Client.PostAsync(new Uri("v1/score/evaluation", UriKind.Relative), content);
            JsonNode.Parse(await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!["scores"]!.AsArray().Should().HaveCount(1);
            server.Client.DefaultRequestHeaders.Authorization = null;
            ((int)(await server.Client.GetAsync(new Uri("metrics", UriKind.Relative))).StatusCode).Should().Be(401);
            await server.StopAsync();
        }
    }
}
