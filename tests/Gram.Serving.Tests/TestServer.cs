using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Gram.Pipes;
using Gram.Reward.Judging;
using Gram.Reward.Serving;
using Gram.Serving.Keys;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gram.Serving.Tests;

/// <summary>A reward server on a free port of this machine, with its client.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication app;

    private TestServer(WebApplication app, ServedJudge judge)
    {
        (this.app, Judge) = (app, judge);
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1000 }) { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public HttpClient Client { get; }
    public ServedJudge Judge { get; }
    public IServiceProvider Services => app.Services;

    /// <summary>Starts a server over a judge.</summary>
    public static Task<TestServer> StartAsync(IPairJudge judge, RewardServerOptions? options = null, BatchOptions? batches = null, ApiKeys? keys = null, Action<IServiceCollection>? configure = null) =>
        StartAsync(() => new LoadedJudge(judge, GramConfig.Published), options, batches, keys, configure);

    /// <summary>Starts a server over a judge that is loaded at the start and at every reload.</summary>
    public static async Task<TestServer> StartAsync(Func<LoadedJudge> load, RewardServerOptions? options = null, BatchOptions? batches = null, ApiKeys? keys = null, Action<IServiceCollection>? configure = null)
    {
        var served = new ServedJudge(_ => Task.FromResult(load()), batches ?? new BatchOptions { Gather = TimeSpan.FromMilliseconds(1) });
        return new TestServer(await LocalApplication.StartAsync(app => app.MapRewardServer(), services =>
        {
            services.AddSingleton(_ => served).AddHostedService(provider => provider.GetRequiredService<ServedJudge>());
            services.AddRewardServer(options ?? new RewardServerOptions(), keys);
            configure?.Invoke(services);
        }), served);
    }

    /// <summary>Posts JSON as it is written.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, string json) => Client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(json, Encoding.UTF8, "application/json"));

    /// <summary>Posts an object and reads the answer, which must be good.</summary>
    public async Task<JsonObject> AskAsync(string path, JsonObject body)
    {
        var response = await PostAsync(path, body.ToJsonString());
        response.StatusCode.Should().Be(System.Net.HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    /// <summary>Posts JSON that is refused, and reads the problem.</summary>
    public async Task<JsonObject> RefusalAsync(string path, string json, int status)
    {
        var response = await PostAsync(path, json);
        ((int)response.StatusCode).Should().Be(status, await response.Content.ReadAsStringAsync());
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
        var problem = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        problem["status"]!.GetValue<int>().Should().Be(status);
        problem["detail"]!.GetValue<string>().Should().NotContain("\n");
        return problem;
    }

    /// <summary>Stops it as the program does: what is under way is answered.</summary>
    public Task StopAsync() => app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.DisposeAsync();
    }
}
