using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

/// <summary>Names that can be resolved: directories, the cache, downloads.</summary>
public sealed class ModelSourceTests : IDisposable
{
    private readonly HubFixture hub = new();

    public void Dispose() => hub.Dispose();

    [Fact]
    public async Task Resolve_Directory_IsItself()
    {
        (await hub.ResolveAsync(AppContext.BaseDirectory)).Should().Be(AppContext.BaseDirectory);
        hub.Hub.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_NotCached_DownloadsWhatALoadNeeds()
    {
        var directory = await hub.ResolveAsync();

        directory.Should().Be(hub.Snapshot);
        Directory.GetFiles(directory).Select(Path.GetFileName).Should().BeEquivalentTo(HubFixture.Needed);
        foreach (var name in HubFixture.Needed) File.ReadAllBytes(Path.Combine(directory, name)).Should().Equal(hub.Files[name]);
    }

    [Fact]
    public async Task Resolve_Adapter_DownloadsItsWeightsAndConfiguration()
    {
        string[] needed = ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"];
        string[] others = ["optimizer.pt", "README.md"];
        hub.Hub.Add("org/adapter", needed.Concat(others).ToDictionary(name => name, name => Encoding.UTF8.GetBytes(name)));

        var directory = await hub.ResolveAsync("org/adapter");
        hub.Hub.Requests.Clear();

        Directory.GetFiles(directory).Select(Path.GetFileName).Should().BeEquivalentTo(needed);
        (await hub.ResolveAsync("org/adapter")).Should().Be(directory);
        hub.Hub.Requests.Should().BeEmpty("it is whole");
        File.Delete(Path.Combine(directory, "adapter_model.safetensors"));
        (await hub.ErrorAsync("org/adapter", hub.Settings with { IsOffline = true })).Should().Contain("lacks adapter_model.safetensors");
    }

    [Fact]
    public async Task Resolve_AdapterWithoutSafetensors_SaysSo()
    {
        hub.Hub.Add("org/pickled", new Dictionary<string, byte[]> { ["adapter_config.json"] = "{}"u8.ToArray(), ["adapter_model.bin"] = "pickle"u8.ToArray() });

        (await hub.ErrorAsync("org/pickled")).Should().Contain("holds adapter_config.json but no adapter_model.safetensors");
    }

    [Fact]
    public async Task Resolve_NotCached_WritesHuggingFacesLayout()
    {
        await hub.ResolveAsync();

        File.ReadAllText(Path.Combine(hub.Folder, "refs", "main")).Should().Be(hub.Commit);
        Directory.GetFiles(Path.Combine(hub.Folder, "blobs")).Select(Path.GetFileName).Should().BeEquivalentTo(HubFixture.Needed.Select(name => FakeHub.ETag(name, hub.Files[name])));
        foreach (var name in HubFixture.Needed)
        {
            new FileInfo(Path.Combine(hub.Snapshot, name)).LinkTarget.Should().Be($"../../blobs/{FakeHub.ETag(name, hub.Files[name])}");
        }
        Directory.GetFiles(Path.Combine(hub.Cache, ".locks", "models--org--tiny")).Should().Contain(Path.Combine(hub.Cache, ".locks", "models--org--tiny", Path.GetFileName(hub.WeightsBlob) + ".lock"));
    }

    [Fact]
    public async Task Resolve_Cached_AsksNobody()
    {
        await hub.ResolveAsync();
        hub.Hub.Requests.Clear();

        (await hub.ResolveAsync()).Should().Be(hub.Snapshot);
        (await hub.ResolveAsync($"{HubFixture.Id}@{hub.Commit}")).Should().Be(hub.Snapshot, "a commit needs no ref");
        hub.Hub.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_CacheWrittenByHuggingFace_IsFoundOffline()
    {
        // As huggingface_hub lays it out, a tag's ref with a folder in its name included.
        var commit = new string('a', 40);
        var snapshot = Path.Combine(hub.Cache, "models--Qwen--Qwen3-0.6B", "snapshots", commit);
        foreach (var folder in (string[])["blobs", "refs/release", $"snapshots/{commit}"]) Directory.CreateDirectory(Path.Combine(hub.Cache, "models--Qwen--Qwen3-0.6B", folder));
        foreach (var name in (string[])["config.json", "tokenizer.json", "model.safetensors"])
        {
            File.WriteAllText(Path.Combine(snapshot, "../../blobs", name + "-etag"), "{}");
            File.CreateSymbolicLink(Path.Combine(snapshot, name), $"../../blobs/{name}-etag");
        }
        File.WriteAllText(Path.Combine(snapshot, "../../refs/main"), commit);
        File.WriteAllText(Path.Combine(snapshot, "../../refs/release/1"), commit);

        foreach (var name in (string[])["Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B@release/1", $"Qwen/Qwen3-0.6B@{commit}"])
        {
            (await hub.ResolveAsync(name, hub.Settings with { IsOffline = true })).Should().Be(snapshot);
        }
        hub.Hub.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_LinkToABlobThatIsGone_FetchesItAgain()
    {
        await hub.ResolveAsync();
        File.Delete(hub.WeightsBlob);
        hub.Hub.Requests.Clear();

        await hub.ResolveAsync();

        File.ReadAllBytes(Path.Combine(hub.Snapshot, "model.safetensors")).Should().Equal(hub.Weights);
        hub.Hub.Transfers.Should().ContainSingle("the other files are there");
    }

    [Fact]
    public async Task Resolve_NewCommitWithTheSameWeights_SharesTheBlob()
    {
        await hub.ResolveAsync();
        hub.Files["config.json"] = Encoding.UTF8.GetBytes("""{"model_type": "llama"}""");
        var commit = hub.Hub.Add(HubFixture.Id, hub.Files);
        hub.Hub.Requests.Clear();

        var directory = await hub.ResolveAsync($"{HubFixture.Id}@{commit}");

        directory.Should().EndWith(commit);
        hub.Hub.Transfers.Should().ContainSingle().Which.Path.Should().EndWith("config.json");
        File.ReadAllText(Path.Combine(hub.Folder, "refs", "main")).Should().Be(hub.Commit, "a commit is no branch");
    }

    [Fact]
    public async Task Resolve_Sharded_FetchesTheShardsThatTheIndexNames()
    {
        var index = new JsonObject { ["weight_map"] = new JsonObject { ["a"] = "model-00001-of-00002.safetensors", ["b"] = "model-00002-of-00002.safetensors", ["c"] = "model-00002-of-00002.safetensors" } };
        hub.Hub.Add("org/sharded", new Dictionary<string, byte[]>
        {
            ["config.json"] = hub.Files["config.json"],
            ["tokenizer.json"] = hub.Files["tokenizer.json"],
            ["model.safetensors.index.json"] = Encoding.UTF8.GetBytes(index.ToJsonString()),
            ["model-00001-of-00002.safetensors"] = [1, 2, 3],
            ["model-00002-of-00002.safetensors"] = [4, 5],
            ["consolidated.safetensors"] = [6],
        });

        var directory = await hub.ResolveAsync("org/sharded");

        Directory.GetFiles(directory, "*.safetensors").Select(Path.GetFileName).Should().BeEquivalentTo("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
        hub.Hub.Requests.Clear();
        (await hub.ResolveAsync("org/sharded")).Should().Be(directory);
        hub.Hub.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_TwiceAtOnce_DownloadsOnce()
    {
        hub.Hub.Intercept = context =>
        {
            if (context.Request.Url!.Port == hub.Hub.Store.Port) Thread.Sleep(200); // both are on their way by then
            return false;
        };
        var notes = new ConcurrentBag<string>();

        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => new ModelSource(hub.Settings) { Note = notes.Add }.ResolveAsync(HubFixture.Id))));

        both.Should().AllBe(hub.Snapshot);
        hub.Hub.Transfers.Should().HaveCount(HubFixture.Needed.Count);
        notes.Should().Contain(note => note.Contains("another process is downloading model.safetensors"));
    }

    [Fact]
    public async Task Resolve_Token_IsForTheHubAlone()
    {
        hub.Hub.Token = "secret";

        await hub.ResolveAsync(settings: hub.Settings with { Token = "secret" });

        hub.Hub.Requests.Where(request => request.Host == "hub").Should().OnlyContain(request => request.Authorization == "Bearer secret");
        hub.Hub.Requests.Where(request => request.Host == "store").Should().ContainSingle().Which.Authorization.Should().BeNull();
    }

    [Fact]
    public async Task Resolve_Download_ReportsEveryByteAndWhereItGoes()
    {
        var reports = new List<DownloadProgress>();
        var notes = new List<string>();

        await new ModelSource(hub.Settings) { Progress = reports.Add, Note = notes.Add }.ResolveAsync(HubFixture.Id);

        var total = HubFixture.Needed.Sum(name => hub.Files[name].Length);
        reports[^1].Should().Match<DownloadProgress>(report => report.Received == total && report.Total == total && report.Before == 0);
        notes.Should().ContainSingle().Which.Should().Contain(HubFixture.Id).And.Contain(hub.Folder);
    }
}
