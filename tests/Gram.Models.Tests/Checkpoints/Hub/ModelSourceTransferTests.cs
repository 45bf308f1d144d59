using System.Collections.Concurrent;
using System.Net;
using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

/// <summary>Transfers that fail on the way: they go on where they stopped, and nothing that arrived is lost.</summary>
public sealed class ModelSourceTransferTests : IDisposable
{
    private readonly HubFixture hub = new();

    public void Dispose() => hub.Dispose();

    [Fact]
    public async Task Resolve_Interrupted_GoesOnFromTheBytesItHad()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Incomplete)!);
        File.WriteAllBytes(hub.Incomplete, hub.Weights[..123_456]);
        var reports = new List<DownloadProgress>();

        var directory = await new ModelSource(hub.Settings) { Progress = reports.Add }.ResolveAsync(HubFixture.Id);

        hub.Hub.Requests.Where(request => request.Host == "store").Should().ContainSingle().Which.Range.Should().Be("bytes=123456-");
        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        File.Exists(hub.Incomplete).Should().BeFalse();
        reports[^1].Before.Should().Be(123_456);
    }

    [Fact]
    public async Task Resolve_CutConnections_GoesOnEachTime()
    {
        hub.Hub.Intercept = context =>
        {
            // 100 KB each time: more cuts than there are attempts without progress.
            var from = FakeHub.From(context.Request);
            if (!IsStore(context) || from >= 700_000) return false;
            FakeHub.Cut(context, hub.Weights, 100_000);
            return true;
        };

        var directory = await hub.ResolveAsync();

        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        hub.Hub.Requests.Where(request => request.Host == "store").Select(request => request.Range)
            .Should().Equal(null, "bytes=100000-", "bytes=200000-", "bytes=300000-", "bytes=400000-", "bytes=500000-", "bytes=600000-", "bytes=700000-");
    }

    [Fact]
    public async Task Resolve_ServerWithoutRanges_StartsAgain()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Incomplete)!);
        File.WriteAllBytes(hub.Incomplete, hub.Weights[..1000]);
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context)) return false;
            context.Response.Close(hub.Weights, willBlock: true);
            return true;
        };

        File.ReadAllBytes(Path.Combine(await hub.ResolveAsync(), "model.safetensors")).Should().Equal(hub.Weights);
    }

    [Fact]
    public async Task Resolve_EarlierBytesWrong_StartsAgainOnce()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Incomplete)!);
        File.WriteAllBytes(hub.Incomplete, new byte[1000]);

        File.ReadAllBytes(Path.Combine(await hub.ResolveAsync(), "model.safetensors")).Should().Equal(hub.Weights);
        hub.Hub.Requests.Where(request => request.Host == "store").Select(request => request.Range).Should().Equal("bytes=1000-", null);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Resolve_BusyThenWell_Succeeds(int status)
    {
        // The first two answers of each kind: listing, description, content of the hub, content of the store.
        var failures = new ConcurrentDictionary<(string, string), int>();
        hub.Hub.Intercept = context =>
        {
            var isBusy = failures.AddOrUpdate((context.Request.HttpMethod, context.Request.Url!.AbsolutePath), 1, (_, count) => count + 1) <= 2;
            if (isBusy) FakeHub.Fail(context, status);
            return isBusy;
        };

        (await hub.ResolveAsync()).Should().Be(hub.Snapshot);
    }

    [Fact]
    public async Task Resolve_StoreRefusesAnOldLink_AsksTheHubForANewOne()
    {
        var isFirst = true;
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context) || !isFirst) return false;
            isFirst = false;
            FakeHub.Fail(context, 403);
            return true;
        };

        (await hub.ResolveAsync()).Should().Be(hub.Snapshot);
    }

    [Fact]
    public async Task Resolve_BusyForGood_SaysSoAndKeepsWhatArrived()
    {
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context)) return false;
            if (FakeHub.From(context.Request) == 0) FakeHub.Cut(context, hub.Weights, 5000);
            else FakeHub.Fail(context, 503);
            return true;
        };

        (await hub.ErrorAsync()).Should().Contain("503").And.Contain("try again later");

        File.ReadAllBytes(hub.Incomplete).Should().Equal(hub.Weights[..5000]);
        Directory.Exists(Path.Combine(hub.Folder, "refs")).Should().BeFalse("only what is whole is a revision");
        hub.Hub.Intercept = _ => false;
        (await hub.ResolveAsync()).Should().Be(hub.Snapshot);
        hub.Hub.Requests.Last(request => request.Host == "store").Range.Should().Be("bytes=5000-");
    }

    [Fact]
    public async Task Resolve_NothingComesAnyMore_IsACutConnection()
    {
        using var stalled = new ManualResetEventSlim();
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context) || FakeHub.From(context.Request) > 0) return false;
            context.Response.ContentLength64 = hub.Weights.Length;
            context.Response.OutputStream.Write(hub.Weights, 0, 5000);
            context.Response.OutputStream.Flush();
            stalled.Wait();
            context.Response.Abort();
            return true;
        };

        var directory = await hub.ResolveAsync(settings: hub.Settings with { Patience = TimeSpan.FromSeconds(1) });
        stalled.Set();

        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        hub.Hub.Requests.Last(request => request.Host == "store").Range.Should().Be("bytes=5000-");
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    public async Task Resolve_OtherContentThanTheHash_IsRefused(string file)
    {
        hub.Hub.Intercept = context =>
        {
            if (context.Request.HttpMethod == "HEAD" || Path.GetFileName(context.Request.Url!.AbsolutePath) != file || (file == "model.safetensors" && !IsStore(context))) return false;
            context.Response.Close(new byte[hub.Files[file].Length], willBlock: true);
            return true;
        };

        (await hub.ErrorAsync()).Should().Contain(file).And.Contain(FakeHub.ETag(file, hub.Files[file]));
        Path.Exists(Path.Combine(hub.Snapshot, file)).Should().BeFalse();
    }

    [Fact]
    public async Task Resolve_Cancelled_KeepsWhatArrived()
    {
        using var stop = new CancellationTokenSource();
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context)) return false;
            context.Response.ContentLength64 = hub.Weights.Length;
            context.Response.OutputStream.Write(hub.Weights, 0, 5000);
            context.Response.OutputStream.Flush();
            while (new FileInfo(hub.Incomplete) is not { Exists: true, Length: 5000 }) Thread.Sleep(5);
            stop.Cancel();
            context.Response.Abort();
            return true;
        };

        await FluentActions.Awaiting(() => new ModelSource(hub.Settings).ResolveAsync(HubFixture.Id, stop.Token)).Should().ThrowAsync<OperationCanceledException>();

        File.ReadAllBytes(hub.Incomplete).Should().Equal(hub.Weights[..5000]);
    }

    private bool IsStore(HttpListenerContext context) => context.Request.Url!.Port == hub.Hub.Store.Port;
}
