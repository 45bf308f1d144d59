using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Judging;
using Gram.Reward.Serving;
using Gram.Serving.Tests.Requests;

namespace Gram.Serving.Tests;

/// <summary>Starting, reloading and stopping, while clients ask.</summary>
public sealed class LifeTests
{
    private const string Body = """{"pairs": [{"prompt": "Why?", "response_a": "So.", "response_b": "No."}]}""";

    [Fact]
    public async Task Reload_WhileClientsAsk_LosesNoneAndEndsTheOldJudge()
    {
        var judges = new List<RuleJudge>();
        await using var server = await TestServer.StartAsync(() =>
        {
            judges.Add(new RuleJudge());
            return new LoadedJudge(judges[^1], GramConfig.Published) { Fingerprint = $"{judges.Count}" };
        });
        var gate = judges[0].Close();
        var before = Enumerable.Range(0, 20).Select(_ => server.PostAsync("/v1/compare", Body)).ToList();
        await LimitTests.WaitAsync(() => judges[0].Calls == 1);

        var reload = server.PostAsync("/v1/reload", "");
        await LimitTests.WaitAsync(() => server.Judge.Fingerprint == "2");
        var after = await server.PostAsync("/v1/compare", Body); // answered while the old judge still holds its own
        gate.SetResult();

        after.StatusCode.Should().Be(HttpStatusCode.OK);
        (await reload).StatusCode.Should().Be(HttpStatusCode.OK);
        foreach (var request in before) (await request).StatusCode.Should().Be(HttpStatusCode.OK);
        (judges[0].IsDisposed, judges[1].IsDisposed).Should().Be((true, false));
        judges[1].Calls.Should().BeGreaterThan(0);
    }

    [Fact]
    public async Task Reload_ThatFails_LeavesTheJudge()
    {
        var loads = 0;
        await using var server = await TestServer.StartAsync(() => loads++ == 0 ? new LoadedJudge(new RuleJudge(), GramConfig.Published) : throw new GramException("model.safetensors is broken"));

        (await server.RefusalAsync("/v1/reload", "", 400))["detail"]!.GetValue<string>().Should().Be("model.safetensors is broken");

        (await server.PostAsync("/v1/compare", Body)).StatusCode.Should().Be(HttpStatusCode.OK);
        (await server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Should().Contain("gram_judge_reloads_total{outcome=\"failed\"} 1");
    }

    [Fact]
    public async Task Reload_ByTheProgramItself_IsCountedToo()
    {
        var loads = 0;
        await using var server = await TestServer.StartAsync(() => ++loads < 3 ? new LoadedJudge(new RuleJudge(), GramConfig.Published) : throw new GramException("model.safetensors is broken"));

        await server.Judge.ReloadAsync();
        await FluentActions.Invoking(() => server.Judge.ReloadAsync()).Should().ThrowAsync<GramException>();

        var metrics = await server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        metrics.Should().Contain("gram_judge_reloads_total{outcome=\"done\"} 1\n").And.Contain("gram_judge_reloads_total{outcome=\"failed\"} 1\n");
    }

    [Fact]
    public async Task Counters_WhileAJudgeIsReplaced_NeverFall()
    {
        var judges = new List<RuleJudge>();
        await using var server = await TestServer.StartAsync(() =>
        {
            judges.Add(new RuleJudge());
            return new LoadedJudge(judges[^1], GramConfig.Published) { Fingerprint = $"{judges.Count}", ReusedTokens = () => 100, Shortened = () => 10 };
        });
        var gate = judges[0].Close();
        var request = server.PostAsync("/v1/compare", Body);
        await LimitTests.WaitAsync(() => judges[0].Calls == 1);

        var reload = server.Judge.ReloadAsync();
        await LimitTests.WaitAsync(() => server.Judge.Fingerprint == "2");
        (server.Judge.ReusedTokens, server.Judge.Shortened).Should().Be((200, 20), "the old judge still ends what it has begun");
        gate.SetResult();
        await reload;
        await request;

        (server.Judge.ReusedTokens, server.Judge.Shortened).Should().Be((200, 20));
    }

    [Fact]
    public async Task Stop_WithRequestsUnderWay_AnswersThemFirst()
    {
        var judge = new RuleJudge();
        await using var server = await TestServer.StartAsync(judge, batches: new Gram.Pipes.BatchOptions { MaxItems = 4 });
        var gate = judge.Close();
        var waiting = Enumerable.Range(0, 20).Select(_ => server.PostAsync("/v1/compare", Body)).ToList();
        await LimitTests.WaitAsync(() => judge.Calls == 1 && server.Judge.Waiting > 0);

        var stop = server.StopAsync();
        await LimitTests.WaitAsync(() => !IsTaking(server.Client.BaseAddress!));
        stop.IsCompleted.Should().BeFalse("twenty clients wait");
        gate.SetResult();

        foreach (var request in waiting)
        {
            var response = await request;
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            (await response.Content.ReadFromJsonAsync<JsonObject>())!["results"]!.AsArray().Should().HaveCount(1);
        }
        await stop;
        await server.DisposeAsync();
        judge.IsDisposed.Should().BeTrue();
    }

    private static bool IsTaking(Uri address)
    {
        using var client = new TcpClient();
        try
        {
            client.Connect(address.Host, address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [Fact]
    public async Task Ready_OfAServerWithItsJudge_IsOk()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());

        foreach (var path in (string[])["/health", "/ready"])
            (await server.Client.GetFromJsonAsync<JsonObject>(new Uri(path, UriKind.Relative)))!["status"]!.GetValue<string>().Should().Be("ok");
    }

    [Fact]
    public async Task OpenApi_Document_DescribesEveryPath()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());

        var document = (await server.Client.GetFromJsonAsync<JsonObject>(new Uri("/openapi.json", UriKind.Relative)))!;

        document["paths"]!.AsObject().Select(path => path.Key).Should().BeEquivalentTo("/v1/compare", "/v1/judge", "/v1/rank", "/get_reward", "/v1/score/evaluation", "/classify", "/compare", "/health", "/ready", "/metrics", "/v1/reload");
        var schemas = document["components"]!["schemas"]!;
        schemas["ComparePair"]!["required"]!.AsArray().Select(name => name!.GetValue<string>()).Should().Equal("response_a", "response_b");
        schemas["CompareResult"]!["properties"]!.AsObject().Select(name => name.Key).Should().Contain(["score_a", "order_disagreement"]);
        schemas["CompareResult"]!["properties"]!["p_ab"]!["description"]!.GetValue<string>().Should().Contain("A stands first");
        document["paths"]!["/v1/compare"]!["post"]!["responses"]!.AsObject().Select(status => status.Key).Should().Contain(["200", "400", "413", "429"]);
    }
}
