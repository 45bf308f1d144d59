using System.Collections.Concurrent;
using System.Net;
using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

/// <summary>A large file comes in several ranges at once; what of them arrived is kept.</summary>
public sealed class ModelSourceRangesTests : IDisposable
{
    private const int RangeSize = 100_000; // ten of the weights' million bytes
    private readonly HubFixture hub = new();

    public void Dispose() => hub.Dispose();

    private HubSettings Settings => hub.Settings with { RangeSize = RangeSize };

    private string Ranges => hub.WeightsBlob + ".ranges";

    private IEnumerable<string?> Asked => hub.Hub.Requests.Where(request => request.Host == "store").Select(request => request.Range);

    [Fact]
    public async Task Resolve_LargeFile_ComesInRangesAtOnce()
    {
        using var four = new CountdownEvent(4);
        var (atOnce, asked) = (true, 0);
        var reports = new List<DownloadProgress>();
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context)) return false;
            if (Interlocked.Increment(ref asked) <= 4) four.Signal();
            if (!four.Wait(TimeSpan.FromSeconds(10))) atOnce = false;
            return false;
        };

        var directory = await new ModelSource(Settings) { Progress = reports.Add }.ResolveAsync(HubFixture.Id);

        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        Asked.Should().BeEquivalentTo(Enumerable.Range(0, 10).Select(i => $"bytes={i * RangeSize}-{((i + 1) * RangeSize) - 1}"));
        atOnce.Should().BeTrue("the first four wait for one another");
        new FileInfo(hub.WeightsBlob).Length.Should().Be(hub.Weights.Length);
        File.Exists(Ranges).Should().BeFalse();
        reports[^1].Received.Should().Be(reports[^1].Total);
    }

    [Fact]
    public async Task Resolve_CutRanges_GoOnWhereEachStopped()
    {
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context) || FakeHub.From(context.Request) % RangeSize > 0) return false;
            FakeHub.Cut(context, hub.Weights, 30_000);
            return true;
        };

        var directory = await hub.ResolveAsync(settings: Settings);

        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        Asked.Should().HaveCount(20).And.Contain("bytes=30000-99999").And.Contain("bytes=930000-999999");
    }

    [Fact]
    public async Task Resolve_InterruptedRanges_AsksForWhatIsMissingOnly()
    {
        hub.Hub.Intercept = context =>
        {
            // Ranges 0 to 4 come whole, the others stop after 40,000 bytes.
            if (!IsStore(context) || FakeHub.From(context.Request) < 5 * RangeSize) return false;
            if (FakeHub.From(context.Request) % RangeSize == 0) FakeHub.Cut(context, hub.Weights, 40_000);
            else FakeHub.Fail(context, 503);
            return true;
        };
        (await hub.ErrorAsync(settings: Settings)).Should().Contain("try again later");
        var before = Asked.Count();
        hub.Hub.Intercept = _ => false;
        var reports = new ConcurrentQueue<DownloadProgress>();

        var directory = await new ModelSource(Settings) { Progress = reports.Enqueue }.ResolveAsync(HubFixture.Id);

        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        var earlier = reports.Last().Before;
        earlier.Should().BeGreaterOrEqualTo(40_000).And.BeLessOrEqualTo((5 * RangeSize) + (5 * 40_000));
        Asked.Skip(before).Sum(Length).Should().Be(hub.Weights.Length - earlier);

        static long Length(string? range)
        {
            var ends = range!["bytes=".Length..].Split('-').Select(long.Parse).ToArray();
            return ends[1] - ends[0] + 1;
        }
    }

    [Fact]
    public async Task Resolve_RangesRefused_ComesInOnePiece()
    {
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context)) return false;
            context.Response.Close(hub.Weights, willBlock: true);
            return true;
        };

        var directory = await hub.ResolveAsync(settings: Settings);

        File.ReadAllBytes(Path.Combine(directory, "model.safetensors")).Should().Equal(hub.Weights);
        Asked.Last().Should().BeNull("the whole is asked for");
        File.Exists(Ranges).Should().BeFalse();
    }

    [Fact]
    public async Task Resolve_ServerThatGivesMoreThanTheRange_TakesTheRange()
    {
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context)) return false;
            var from = FakeHub.From(context.Request);
            (context.Response.StatusCode, context.Response.Headers["Content-Range"]) = (206, $"bytes {from}-{hub.Weights.Length - 1}/{hub.Weights.Length}");
            try
            {
                context.Response.Close(hub.Weights[from..], willBlock: true);
            }
            catch (HttpListenerException)
            {
                // The client has had enough.
            }
            return true;
        };

        File.ReadAllBytes(Path.Combine(await hub.ResolveAsync(settings: Settings), "model.safetensors")).Should().Equal(hub.Weights);
    }

    [Fact]
    public async Task Resolve_BeginningInOnePiece_IsTakenOver()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Incomplete)!);
        File.WriteAllBytes(hub.Incomplete, hub.Weights[..850_000]);

        File.ReadAllBytes(Path.Combine(await hub.ResolveAsync(settings: Settings), "model.safetensors")).Should().Equal(hub.Weights);

        Asked.Should().BeEquivalentTo("bytes=850000-899999", "bytes=900000-999999");
        File.Exists(hub.Incomplete).Should().BeFalse();
    }

    [Fact]
    public async Task Resolve_EarlierRangesOfAnotherSize_BeginAgain()
    {
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context) || FakeHub.From(context.Request) == 0) return false;
            FakeHub.Fail(context, 503);
            return true;
        };
        await hub.ErrorAsync(settings: Settings);
        new FileInfo(Ranges).Length.Should().BeGreaterThan(hub.Weights.Length, "the counts stand behind the bytes");
        hub.Hub.Intercept = _ => false;

        File.ReadAllBytes(Path.Combine(await hub.ResolveAsync(settings: Settings with { RangeSize = 150_000 }), "model.safetensors")).Should().Equal(hub.Weights);
    }

    [Fact]
    public async Task Resolve_EarlierBytesWrong_StartsAgainOnce()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Incomplete)!);
        File.WriteAllBytes(hub.Incomplete, new byte[850_000]);

        File.ReadAllBytes(Path.Combine(await hub.ResolveAsync(settings: Settings), "model.safetensors")).Should().Equal(hub.Weights);
        Asked.Should().HaveCount(2 + 10);
    }

    [Fact]
    public async Task Resolve_OtherContentThanTheHash_IsRefusedAndGivenUp()
    {
        hub.Hub.Intercept = context =>
        {
            if (!IsStore(context) || FakeHub.From(context.Request) != 3 * RangeSize) return false;
            (context.Response.StatusCode, context.Response.Headers["Content-Range"]) = (206, $"bytes {3 * RangeSize}-{(4 * RangeSize) - 1}/{hub.Weights.Length}");
            context.Response.Close(new byte[RangeSize], willBlock: true);
            return true;
        };

        (await hub.ErrorAsync(settings: Settings)).Should().Contain("does not have the hash");
        File.Exists(hub.WeightsBlob).Should().BeFalse();
        hub.Hub.Intercept = _ => false;
        var before = Asked.Count();

        (await hub.ResolveAsync(settings: Settings)).Should().Be(hub.Snapshot);
        Asked.Skip(before).Should().HaveCount(10, "nothing of what was wrong is kept");
    }

    private bool IsStore(HttpListenerContext context) => context.Request.Url!.Port == hub.Hub.Store.Port;
}
