namespace Gram.EndToEnd.Tests;

/// <summary>Hub ids in the place of directories, against a hub on this machine.</summary>
[Collection(ProgramTests.Name)]
public sealed class HubTests : IDisposable
{
    private readonly TinyModels tiny;
    private readonly FakeHub hub = new();
    private readonly TemporaryDirectory home = new();
    private readonly string commit;

    public HubTests(TinyModels tiny)
    {
        this.tiny = tiny;
        commit = hub.Add("org/tiny", tiny.Policy);
        hub.Add("org/judge", tiny.Judge);
    }

    public void Dispose()
    {
        hub.Dispose();
        home.Dispose();
    }

    [Fact]
    public async Task Generate_HubId_DownloadsTheModelAndKeepsIt()
    {
        var local = await GenerateAsync(tiny.Policy);

        var first = await GenerateAsync("org/tiny");
        hub.Requests.Clear();
        var second = await GenerateAsync("org/tiny");

        first.ExitCode.Should().Be(0, first.Error);
        first.Output.Should().NotBeEmpty().And.Be(local.Output);
        first.Error.Should().Contain($"downloading org/tiny from {hub.Endpoint.GetLeftPart(UriPartial.Authority)}").And.Contain("MB downloaded 1/1");
        second.Output.Should().Be(local.Output);
        second.Error.Should().BeEmpty();
        hub.Requests.Should().BeEmpty("what is cached is used as it is");
    }

    [Fact]
    public async Task Generate_Revision_IsOfTheKeyOrOfTheName()
    {
        var ofKey = await GenerateAsync("org/tiny", "--model_revision", commit);
        var ofName = await GenerateAsync($"org/tiny@{commit}");
        var unknown = await GenerateAsync("org/tiny", "--model_revision", "v9");

        ofKey.ExitCode.Should().Be(0, ofKey.Error);
        ofName.Output.Should().Be(ofKey.Output);
        ofName.Error.Should().BeEmpty("both mean the same files");
        unknown.ExitCode.Should().Be(2);
        unknown.ErrorLine.Should().Contain("org/tiny has no branch, tag or commit v9");
    }

    [Fact]
    public async Task Ppo_HubIds_ArePolicyJudgeAndReference()
    {
        var output = home.File("run");

        var run = await RunAsync(
            "ppo", "--model", "org/tiny", "--reward_model", "org/judge", "--ref_model", "org/tiny", "--dataset", tiny.Prompts, "--max_steps", "1", "--max_new_tokens", "4",
            "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1", "--ppo_buffer_size", "1", "--output_dir", output);

        run.ExitCode.Should().Be(0, run.Error);
        hub.Transfers.Where(request => request.Host == "store").Should().HaveCount(2, "policy and reference are one model");
        File.ReadAllText(Path.Combine(output, "config.yaml")).Should().Contain("model_name_or_path: org/tiny", "the run is repeated by what it was called with");
    }

    [Fact]
    public async Task UnknownModel_SaysBothReadingsInOneLine()
    {
        var run = await GenerateAsync("org/nowhere");

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("org/nowhere: no such directory").And.Contain("not in the cache").And.Contain("404");
    }

    private Task<ProgramRun> GenerateAsync(string model, params string[] more) => RunAsync(["generate", "--model_name_or_path", model, "--prompt", "My router is broken.", "--max_new_tokens", "4", .. more]);

    private Task<ProgramRun> RunAsync(params string[] args) =>
        GramProgram.RunAsync(tiny.Root, new Dictionary<string, string> { ["HF_ENDPOINT"] = hub.Endpoint.ToString(), ["HF_HOME"] = home.Path, ["HF_HUB_CACHE"] = "", ["HF_HUB_OFFLINE"] = "0" }, args);
}
