using System.Net;
using Gram.Models;
using Gram.Ppo.Rewards;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;

namespace Gram.Ppo.Tests.Rewards;

public sealed class RewardServerTests : IDisposable
{
    private readonly LocalRewardServer server = new();

    public void Dispose() => server.Dispose();

    [Fact]
    public async Task Reward_Request_IsOpenRlhfs()
    {
        using var client = Client();

        var rewards = await client.RewardAsync([Request("<|user|>a", "h h<|end|>", reference: "c"), Request("b", "h", own: "its own")]);

        rewards.Should().Equal(2, 1);
        server.Requests.Should().ContainSingle().Which.ToJsonString().Replace("\\u003C", "<", StringComparison.Ordinal).Replace("\\u003E", ">", StringComparison.Ordinal).Should().Be(
            """{"query":["<|user|>ah h<|end|>","bh"],"prompts":["<|user|>a","b"],"labels":["c","its own"]}""");
    }

    [Fact]
    public async Task Reward_ManyResponses_GoInSeveralRequestsAndComeBackInOrder()
    {
        using var client = Client();

        var rewards = await client.RewardAsync([.. Enumerable.Range(0, 100).Select(i => Request("a", new string('h', i)))]);

        rewards.Should().Equal(Enumerable.Range(0, 100).Select(i => (double)i));
        server.Requests.Should().HaveCount(4);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(503)]
    public async Task Reward_BusyThenWell_IsTriedAgain(int status)
    {
        server.Intercept = (request, context) =>
        {
            if (request <= 2) LocalRewardServer.Send(context, "busy", status);
            return request <= 2;
        };
        using var client = Client();

        (await client.RewardAsync([Request("a", "h")])).Should().Equal(1);
        server.Requests.Should().HaveCount(3);
    }

    [Fact]
    public async Task Reward_CutConnection_IsTriedAgain()
    {
        server.Intercept = (request, context) =>
        {
            if (request > 1) return false;
            context.Response.ContentLength64 = 100;
            context.Response.OutputStream.Write("{\"rewa"u8);
            context.Response.OutputStream.Flush();
            context.Response.Abort();
            return true;
        };
        using var client = Client();

        (await client.RewardAsync([Request("a", "h")])).Should().Equal(1);
    }

    [Fact]
    public async Task Reward_NoAnswer_IsTriedAgainAfterTheTimeout()
    {
        using var hung = new ManualResetEventSlim();
        server.Intercept = (request, context) =>
        {
            if (request > 1) return false;
            hung.Wait();
            context.Response.Abort();
            return true;
        };
        using var client = Client(timeout: 0.3);

        (await client.RewardAsync([Request("a", "h")])).Should().Equal(1);
        hung.Set();
    }

    [Fact]
    public async Task Reward_BusyForGood_SaysHowOftenItWasTried()
    {
        server.Intercept = (_, context) =>
        {
            LocalRewardServer.Send(context, "overloaded\ntry later", 503);
            return true;
        };

        (await ErrorAsync()).Should().Be($"reward_servers: server, {server.Address}, answered 503 (overloaded try later), tried 3 times: see the server's log");
        server.Requests.Should().HaveCount(3);
    }

    [Fact]
    public async Task Reward_Refused_IsNotTriedAgain()
    {
        server.Intercept = (_, context) =>
        {
            LocalRewardServer.Send(context, """{"detail": "no label"}""", 422);
            return true;
        };

        (await ErrorAsync()).Should().Contain("answered 422 ({\"detail\": \"no label\"}): see the server's log");
        server.Requests.Should().ContainSingle();
    }

    [Fact]
    public async Task Reward_NobodyListens_SaysWhatToCheck()
    {
        server.Dispose();

        (await ErrorAsync()).Should().Contain("cannot be reached (").And.EndWith("tried 3 times: check the address, and that the server runs");
    }

    [Theory]
    [InlineData("<html>", "answered no JSON (<html>)*")]
    [InlineData("[1]", "answered without a list of rewards ([[]1])*")]
    [InlineData("""{"scores": [1]}""", "answered without a list of rewards*")]
    [InlineData("""{"rewards": 1}""", "answered without a list of rewards*")]
    [InlineData("""{"rewards": [1, 2]}""", "answered 2 rewards for 1 responses*")]
    [InlineData("""{"rewards": ["high"]}""", "answered \"high\" as rewards[[]0]: a number is needed")]
    [InlineData("""{"rewards": [null]}""", "answered null as rewards[[]0]: a number is needed")]
    public async Task Reward_BadAnswer_IsShown(string body, string message)
    {
        server.Intercept = (_, context) =>
        {
            LocalRewardServer.Send(context, body);
            return true;
        };

        (await ErrorAsync()).Should().Match($"reward_servers: server, {server.Address}, {message}".Replace("[[]", "[", StringComparison.Ordinal));
        server.Requests.Should().ContainSingle("asking again would not change it");
    }

    [Fact]
    public async Task Reward_Cancelled_Ends()
    {
        using var stop = new CancellationTokenSource();
        using var hung = new ManualResetEventSlim();
        server.Intercept = (_, context) =>
        {
            stop.Cancel();
            hung.Wait();
            context.Response.Abort();
            return true;
        };
        using var client = Client();

        await FluentActions.Awaiting(async () => await client.RewardAsync([Request("a", "h")], stop.Token)).Should().ThrowAsync<OperationCanceledException>();
        hung.Set();
    }

    private static RewardRequest Request(string prompt, string response, string reference = "r", string? own = null) => new(new Prompt(prompt, null, own), prompt, response, response, reference, response.Length, true);

    private RewardServer Client(double timeout = 30) => new("server", server.Address, TimeSpan.FromSeconds(timeout), retries: 2, firstDelay: TimeSpan.FromMilliseconds(1));

    private async Task<string> ErrorAsync()
    {
        using var client = Client();
        var thrown = await FluentActions.Awaiting(async () => await client.RewardAsync([Request("a", "h")])).Should().ThrowAsync<GramException>();
        thrown.Which.Message.Should().NotContain("\n");
        return thrown.Which.Message;
    }
}
