using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gram.Pipes;

namespace Gram.Serving.Tests.Requests;

public sealed class LimitTests
{
    private const string Pair = """{"prompt": "Why?", "response_a": "So.", "response_b": "No."}""";

    [Fact]
    public async Task Body_LargerThanTaken_Is413()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), new RewardServerOptions { MaxBodyBytes = 2048 });

        var problem = await server.RefusalAsync("/v1/compare", $$"""{"pairs": [{"prompt": "{{new string('x', 4000)}}", "response_a": "a", "response_b": "b"}]}""", 413);

        problem["detail"]!.GetValue<string>().Should().Contain("max_body_bytes");
    }

    [Theory]
    [InlineData("""{"pairs": [{"prompt": "12345678901", "response_a": "a", "response_b": "b"}]}""", "pairs[0]: prompt has 11 characters, and this server takes 10 (max_text_length)*")]
    [InlineData("""{"pairs": [{"prompt": "p", "response_a": "12345678901", "response_b": "b"}]}""", "pairs[0].response_a has 11 characters*")]
    [InlineData("""{"pairs": [{"messages": [{"role": "user", "content": "12345678901"}], "response_a": "a", "response_b": "b"}]}""", "pairs[0]: messages[0].content has 11 characters*")]
    [InlineData("""{"pairs": [{"prompt": "p", "response_a": "a"}]}""", "*$.pairs[0]: it was missing required properties including: 'response_b'")]
    [InlineData("""{"pairs": [{"prompt": "p", "response_a": null, "response_b": "b"}]}""", "the body is not what /v1/compare takes: *response_a*")]
    [InlineData("""{"pairs": [{"prompt": 7, "response_a": "a", "response_b": "b"}]}""", "*$.pairs[0].prompt: a value is of another kind")]
    [InlineData("""{"pairs": [{"response_a": "a", "response_b": "b"}]}""", "pairs[0]: one of prompt and messages is needed")]
    [InlineData("""{"pairs": [{"messages": [{"role": "tool", "content": "x"}], "response_a": "a", "response_b": "b"}]}""", "pairs[0]: messages[0].role is \"tool\": *")]
    [InlineData("""{"pairs": [{"messages": [{"role": "assistant", "content": "x"}], "response_a": "a", "response_b": "b"}]}""", "pairs[0]: messages: must end with a user's turn")]
    [InlineData("""{"pairs": [null]}""", "pairs[0] is null")]
    [InlineData("""{"pairs": [{"messages": [null], "response_a": "a", "response_b": "b"}]}""", "pairs[0]: messages[0] is null")]
    [InlineData("""{"pairs": [], "pairs": []}""", "*Duplicate*")]
    [InlineData("""{"pairs": [""", "the body is not what /v1/compare takes: *")]
    [InlineData("null", "the body is null*")]
    [InlineData("""{"pairs": [{"prompt": "\ud800", "response_a": "a", "response_b": "b"}]}""", "the body is not what /v1/compare takes: *")]
    public async Task Compare_BadBody_Is400InALine(string body, string detail)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), new RewardServerOptions { MaxTextLength = 10 });

        (await server.RefusalAsync("/v1/compare", body, 400))["detail"]!.GetValue<string>().Should().Match(detail);
    }

    [Theory]
    [InlineData("/v1/compare", $$"""{"pairs": [{{Pair}}, {{Pair}}, {{Pair}}, {{Pair}}]}""", "the request asks for 4 pairs, and this server takes 3*")]
    [InlineData("/v1/rank", """{"prompt": "p", "responses": ["a", "b", "c", "d", "e"]}""", "the request asks for 4 pairs*")]
    [InlineData("/v1/rank", """{"prompt": "p", "responses": []}""", "*no answers to rank*")]
    [InlineData("/v1/rank", """{"prompt": "p", "responses": ["a"], "method": "swiss"}""", "method: 'swiss' is not a known tournament*")]
    [InlineData("/get_reward", """{"query": ["a", "b", "c", "d"]}""", "the request asks for 4 pairs*")]
    [InlineData("/compare", """{"conversation_history": [{"role": "user", "content": "x"}], "response_objs": [{}, {}, {}, {}]}""", "the request asks for 6 pairs*")]
    public async Task Request_OfTooMuchOrTooLittle_Is400(string path, string body, string detail)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), new RewardServerOptions { MaxPairs = 3 });

        (await server.RefusalAsync(path, body, 400))["detail"]!.GetValue<string>().Should().Match(detail);
    }

    [Theory]
    [InlineData("round_robin")]
    [InlineData("adaptive")]
    public async Task Rank_MoreAnswersThanPairsCanBeCountedInAnInt_Is400(string method)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        var answers = string.Join(", ", Enumerable.Repeat("\"a\"", 50_000));

        (await server.RefusalAsync("/v1/rank", $$"""{"prompt": "p", "responses": [{{answers}}], "method": "{{method}}"}""", 400))["detail"]!.GetValue<string>().Should().StartWith("the request asks for 1249975000 pairs");
    }

    [Fact]
    public async Task Pair_ThatTheJudgeCannotRead_Is400ForItsOwnRequestAlone()
    {
        var judge = new RuleJudge();
        await using var server = await TestServer.StartAsync(judge);
        var gate = judge.Close();
        var first = server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}]}""");
        await WaitAsync(() => judge.Calls == 1);

        var bad = server.PostAsync("/v1/compare", $$"""{"pairs": [{"prompt": "{{RuleJudge.Unreadable}}", "response_a": "a", "response_b": "b"}]}""");
        var good = server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}]}""");
        await WaitAsync(() => server.Judge.Waiting == 2);
        gate.SetResult();

        (await bad).StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await good).StatusCode.Should().Be(HttpStatusCode.OK);
        (await first).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Queue_ThatIsFull_Is429WithRetryAfter()
    {
        var judge = new RuleJudge();
        await using var server = await TestServer.StartAsync(judge, batches: new BatchOptions { MaxWaiting = 2 });
        var gate = judge.Close();
        var first = server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}]}""");
        await WaitAsync(() => judge.Calls == 1);
        var waiting = server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}, {{Pair}}]}""");
        await WaitAsync(() => server.Judge.Waiting == 2);

        var refused = await server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}]}""");

        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.Should().BeInRange(1, 60);
        (await refused.Content.ReadFromJsonAsync<JsonObject>())!["detail"]!.GetValue<string>().Should().StartWith("too much waits already");
        gate.SetResult();
        (await first).StatusCode.Should().Be(HttpStatusCode.OK);
        (await waiting).StatusCode.Should().Be(HttpStatusCode.OK);
        (await server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}]}""")).StatusCode.Should().Be(HttpStatusCode.OK, "there is room again");
    }

    [Fact]
    public async Task Client_ThatGoesAway_IsNotJudged()
    {
        var judge = new RuleJudge();
        await using var server = await TestServer.StartAsync(judge);
        var gate = judge.Close();
        var first = server.PostAsync("/v1/compare", $$"""{"pairs": [{{Pair}}]}""");
        await WaitAsync(() => judge.Calls == 1);
        using var cancel = new CancellationTokenSource();
        using var content = new StringContent($$"""{"pairs": [{{Pair}}]}""", System.Text.Encoding.UTF8, "application/json");
        var gone = server.Client.PostAsync(new Uri("/v1/compare", UriKind.Relative), content, cancel.Token);
        await WaitAsync(() => server.Judge.Waiting == 1);

        await cancel.CancelAsync();
        await gone.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        await Task.Delay(200); // the server hears of it
        gate.SetResult();
        (await first).StatusCode.Should().Be(HttpStatusCode.OK);
        await WaitAsync(() => server.Judge.Waiting == 0);

        judge.Calls.Should().Be(1);
    }

    [Theory]
    [InlineData("GET", "/v1/compare", 405)]
    [InlineData("POST", "/v1/nothing", 404)]
    public async Task Path_ThatIsNone_IsAProblemToo(string method, string path, int status)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        var response = await server.Client.SendAsync(request);

        ((int)response.StatusCode).Should().Be(status);
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
        (await response.Content.ReadFromJsonAsync<JsonObject>())!["detail"]!.GetValue<string>().Should().Contain("/openapi.json");
    }

    [Fact]
    public async Task Body_OfAnotherKind_Is415()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        using var content = new FormUrlEncodedContent([new("pairs", "x")]);

        var response = await server.Client.PostAsync(new Uri("/v1/compare", UriKind.Relative), content);

        response.StatusCode.Should().Be(HttpStatusCode.UnsupportedMediaType);
        (await response.Content.ReadFromJsonAsync<JsonObject>())!["detail"]!.GetValue<string>().Should().Contain("Content-Type: application/json");
    }

    [Fact]
    public async Task RequestId_OfTheClient_ComesBackAndOthersAreMade()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        using var own = new HttpRequestMessage(HttpMethod.Get, "/health") { Headers = { { "X-Request-Id", "trainer-7" } } };
        using var strange = new HttpRequestMessage(HttpMethod.Get, "/health");
        strange.Headers.TryAddWithoutValidation("X-Request-Id", "a b");

        (await server.Client.SendAsync(own)).Headers.GetValues("X-Request-Id").Should().Equal("trainer-7");
        (await server.Client.SendAsync(strange)).Headers.GetValues("X-Request-Id").Single().Should().MatchRegex("^[0-9a-f]{32}$");
        (await server.RefusalAsync("/v1/compare", "{}", 400))["request_id"]!.GetValue<string>().Should().MatchRegex("^[0-9a-f]{32}$");
    }

    internal static async Task WaitAsync(Func<bool> condition)
    {
        for (var i = 0; i < 500 && !condition(); i++) await Task.Delay(10);
        condition().Should().BeTrue("it should happen within 5 s");
    }
}
