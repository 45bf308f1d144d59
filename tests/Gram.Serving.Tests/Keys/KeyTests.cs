using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Gram.Models;
using Gram.Serving.Keys;

namespace Gram.Serving.Tests.Keys;

public sealed class KeyTests : IDisposable
{
    private const string Key = "correct-horse-battery-staple-0123456789";
    private const string Body = """{"pairs": [{"prompt": "Why?", "response_a": "So.", "response_b": "No."}]}""";

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Request_WithItsKey_IsLetInEachWay()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), keys: Keys());

        (await SendAsync(server, request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key))).StatusCode.Should().Be(HttpStatusCode.OK);
        (await SendAsync(server, request => request.Headers.Add("X-Api-Key", Key))).StatusCode.Should().Be(HttpStatusCode.OK);
        // What Python's requests makes of http://trainer:KEY@host/get_reward.
        (await SendAsync(server, request => request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"trainer:{Key}"))))).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer wrong")]
    [InlineData("Bearer ")]
    [InlineData("Basic !!!")]
    [InlineData("Basic d3Jvbmc=")]
    [InlineData("Digest x")]
    public async Task Request_WithoutItsKey_Is401(string? authorization)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), keys: Keys());

        var response = await SendAsync(server, request =>
        {
            if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        });

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
        response.Headers.WwwAuthenticate.Single().Scheme.Should().Be("Bearer");
    }

    [Theory]
    [InlineData("/health", 200)]
    [InlineData("/ready", 200)]
    [InlineData("/openapi.json", 200)]
    [InlineData("/metrics", 401)]
    public async Task Paths_WithoutAKey_AreOpenWhereTheyTellNothing(string path, int status)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), keys: Keys());

        ((int)(await server.Client.GetAsync(new Uri(path, UriKind.Relative))).StatusCode).Should().Be(status);
    }

    [Theory]
    [InlineData("", "*holds no keys*")]
    [InlineData("# only a comment", "*holds no keys*")]
    [InlineData("trainer abc", "*line 1: not a name and the SHA-256*")]
    [InlineData("correct-horse-battery-staple-0123456789", "*line 1*")]
    public void Read_FileThatHoldsNoHashes_IsAnError(string text, string message)
    {
        File.WriteAllText(folder.File("keys"), text);

        FluentActions.Invoking(() => ApiKeys.Read(folder.File("keys"))).Should().Throw<GramException>().WithMessage(message);
        FluentActions.Invoking(() => ApiKeys.Read(folder.File("none"))).Should().Throw<GramException>().WithMessage("*cannot be read*");
    }

    [Fact]
    public void NameOf_SeveralKeys_FindsEach()
    {
        File.WriteAllLines(folder.File("keys"), ["# trainers", $"one {Hash("first")}", "", $"two\t{Hash("second").ToUpperInvariant()}"]);

        var keys = ApiKeys.Read(folder.File("keys"));

        (keys.NameOf("first"), keys.NameOf("second"), keys.NameOf("third")).Should().Be(("one", "two", (string?)null));
    }

    private ApiKeys Keys()
    {
        File.WriteAllText(folder.File("keys"), $"trainer {Hash(Key)}\n");
        return ApiKeys.Read(folder.File("keys"));
    }

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private static Task<HttpResponseMessage> SendAsync(TestServer server, Action<HttpRequestMessage> configure)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/compare") { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
        configure(request);
        return server.Client.SendAsync(request);
    }
}
