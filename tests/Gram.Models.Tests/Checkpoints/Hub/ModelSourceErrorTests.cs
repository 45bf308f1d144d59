namespace Gram.Models.Tests.Checkpoints.Hub;

/// <summary>What cannot be resolved is one line that says what was looked for, where, and what to do.</summary>
public sealed class ModelSourceErrorTests : IDisposable
{
    private readonly HubFixture hub = new();

    public void Dispose() => hub.Dispose();

    [Fact]
    public async Task Resolve_NoSuchModel_SaysBothReadings()
    {
        var error = await hub.ErrorAsync("org/tinny");
        error.Should().Contain("org/tinny: no such directory").And.Contain(Path.Combine(hub.Cache, "models--org--tinny")).And.Contain("404").And.Contain("check the name");
        Directory.Exists(hub.Cache).Should().BeFalse("nothing was downloaded");
    }

    [Fact]
    public async Task Resolve_NoSuchRevision_NamesIt() =>
        (await hub.ErrorAsync("org/tiny@v9")).Should().Contain("org/tiny has no branch, tag or commit v9");

    [Fact]
    public async Task Resolve_PrivateWithoutAToken_SaysWhatToSet()
    {
        hub.Hub.Token = "secret";
        (await hub.ErrorAsync()).Should().Contain("401").And.Contain("set HF_TOKEN");
        (await hub.ErrorAsync(settings: hub.Settings with { Token = "wrong" })).Should().Contain("the token in use may not read it").And.NotContain("wrong");
    }

    [Fact]
    public async Task Resolve_Gated_SaysWhereToAcceptTheTerms()
    {
        hub.Hub.Intercept = context =>
        {
            if (context.Request.HttpMethod != "HEAD") return false;
            FakeHub.Fail(context, 403, "GatedRepo", "Access to model org/tiny is restricted.");
            return true;
        };
        (await hub.ErrorAsync()).Should().Contain("restricted").And.Contain($"accept its terms at {hub.Hub.Endpoint}org/tiny");
    }

    [Fact]
    public async Task Resolve_Offline_SaysWhatIsMissing()
    {
        var offline = hub.Settings with { IsOffline = true };
        (await hub.ErrorAsync(settings: offline)).Should().Contain("not in the cache").And.Contain("HF_HUB_OFFLINE");

        await hub.ResolveAsync();
        hub.Hub.Requests.Clear();
        File.Delete(Path.Combine(hub.Snapshot, "tokenizer.json"));

        (await hub.ErrorAsync(settings: offline)).Should().Contain($"the cache ({hub.Snapshot}) lacks tokenizer.json");
        hub.Hub.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_NoNetwork_SaysSo()
    {
        hub.Hub.Dispose();
        (await hub.ErrorAsync()).Should().Contain("not in the cache").And.Contain($"the connection to {hub.Hub.Endpoint.GetLeftPart(UriPartial.Authority)} failed").And.Contain("check the network");
    }

    [Fact]
    public async Task Resolve_TooLittleRoom_IsFoundBeforeTheDownload()
    {
        hub.Hub.Intercept = context =>
        {
            if (context.Request.HttpMethod != "HEAD" || !context.Request.Url!.AbsolutePath.EndsWith("model.safetensors", StringComparison.Ordinal)) return false;
            context.Response.Headers["ETag"] = $"\"{new string('a', 64)}\"";
            context.Response.Headers["X-Linked-Size"] = "900000000000000000";
            context.Response.Close();
            return true;
        };

        (await hub.ErrorAsync()).Should().Contain("needs 900000000.0 GB more");
        hub.Hub.Transfers.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_NoSafetensors_SaysSo()
    {
        hub.Hub.Add("org/pickle", new Dictionary<string, byte[]> { ["config.json"] = [1], ["pytorch_model.bin"] = [2] });
        (await hub.ErrorAsync("org/pickle")).Should().Contain("org/pickle holds neither model.safetensors");
    }

    [Fact]
    public async Task Resolve_ServerThatIsNoHub_SaysSo()
    {
        hub.Hub.Intercept = context =>
        {
            context.Response.Close("<html>"u8.ToArray(), willBlock: true);
            return true;
        };
        (await hub.ErrorAsync()).Should().Contain("does not answer as a hub does");
    }

    [Fact]
    public async Task Resolve_EndlessRedirect_Ends()
    {
        hub.Hub.Intercept = context =>
        {
            context.Response.Redirect(context.Request.Url!.AbsolutePath);
            context.Response.Close();
            return true;
        };
        (await hub.ErrorAsync()).Should().Contain("redirects");
    }

    [Theory]
    [InlineData("../missing")]
    [InlineData("runs/judge/checkpoint-3")]
    public async Task Resolve_MissingPath_IsNoMatterForTheHub(string path)
    {
        (await hub.ErrorAsync(path)).Should().Be($"{path}: no such directory, and no hub id (organisation/name or organisation/name@revision)");
        hub.Hub.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Resolve_File_AsksForItsDirectory()
    {
        await hub.ResolveAsync();
        (await hub.ErrorAsync(hub.WeightsBlob)).Should().Contain("is a file: name the directory");
    }

    [Fact]
    public async Task Resolve_CacheThatCannotBeWritten_SaysWhatToSet()
    {
        File.WriteAllText(hub.Cache, "in the way");
        (await hub.ErrorAsync()).Should().Contain($"{hub.Cache}, the cache of hub models, cannot be written").And.Contain("HF_HOME");
    }
}
