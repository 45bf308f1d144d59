using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.EndToEnd.Tests;

/// <summary>LoRA adapters over the models that commands run, and merged into them by export.</summary>
[Collection(ProgramTests.Name)]
public sealed class AdapterTests(TinyModels tiny) : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    public static IEnumerable<object[]> GoldenAdapters
    {
        get
        {
            var adapters = Goldens.Folders("models", "golden.json")
                .SelectMany(model => Goldens.Folders($"models/{model[0]}/adapters", "golden.json").Select(adapter => new object[] { model[0], adapter[0] }))
                .Where(names => !names.Contains(""))
                .ToList();
            return adapters.Count > 0 ? adapters : [["", ""]];
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(GoldenAdapters))]
    public async Task Export_GoldenAdapter_WritesPeftsMergedWeights(string model, string adapter)
    {
        var (directory, merged) = (Goldens.PathOf("models", model, "adapters", adapter), folder.File("merged"));

        var run = await GramProgram.RunAsync(tiny.Root, "export", "--model", Goldens.PathOf("models", model), "--adapter_name_or_path", directory, "--output_dir", merged, "--max_shard_size", "20KB", "--json");

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["dtype"]!.GetValue<string>().Should().Be("float32", "the base is stored so");
        File.Exists(Path.Combine(merged, "model.safetensors.index.json")).Should().BeTrue("there are several shards");
        using var scope = NewDisposeScope();
        using var store = TensorStore.OpenDirectory(merged);
        using var golden = TensorStore.OpenFile(Path.Combine(directory, "golden.safetensors"));
        foreach (var (weight, array) in Goldens.Json("models", model, "adapters", adapter, "golden.json")["merged_weights"]!.AsObject())
        {
            (store.Load(weight) - golden.Load(array!.GetValue<string>())).abs().max().item<float>().Should().BeLessThan(1e-6f, weight);
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public async Task Generate_GoldenAdapterHoweverNamed_AnswersAsTheMergedModel()
    {
        var models = Goldens.PathOf("models");
        var (model, adapter, merged) = (Goldens.PathOf("models", "llama-tied"), Goldens.PathOf("models", "llama-tied", "adapters", "all-linear"), folder.File("merged"));
        await GramProgram.RunAsync(tiny.Root, "export", "--model", model, "--adapter_name_or_path", adapter, "--output_dir", merged);

        var expected = await GenerateAsync(tiny.Root, "--model", merged);
        var apart = await GenerateAsync(tiny.Root, "--model", model, "--adapter_name_or_path", adapter);
        var alone = await GenerateAsync(models, "--model", adapter); // its base is llama-tied, seen from that folder
        var without = await GenerateAsync(tiny.Root, "--model", model);

        expected.ExitCode.Should().Be(0, expected.Error);
        apart.Output.Should().Be(expected.Output);
        alone.Output.Should().Be(expected.Output);
        without.Output.Should().NotBe(expected.Output);
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public async Task Generate_AdapterOnTheHub_FetchesTheBaseThatItNames()
    {
        var (model, adapter) = (Goldens.PathOf("models", "llama-tied"), Goldens.PathOf("models", "llama-tied", "adapters", "qv"));
        using var hub = new FakeHub();
        var files = Directory.GetFiles(adapter).ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes);
        var config = JsonNode.Parse(files[LoraConfig.FileName])!;
        (config["base_model_name_or_path"], config["revision"]) = ("org/base", hub.Add("org/base", model));
        files[LoraConfig.FileName] = System.Text.Encoding.UTF8.GetBytes(config.ToJsonString());
        hub.Add("org/adapter", files);
        var environment = new Dictionary<string, string> { ["HF_ENDPOINT"] = hub.Endpoint.ToString(), ["HF_HOME"] = folder.Path, ["HF_HUB_CACHE"] = "", ["HF_HUB_OFFLINE"] = "0" };

        var fetched = await GramProgram.RunAsync(tiny.Root, environment, Generate("--model", "org/adapter"));
        hub.Requests.Clear();
        var apart = await GramProgram.RunAsync(tiny.Root, environment, Generate("--model", "org/base", "--model_revision", (string)config["revision"]!, "--adapter_name_or_path", "org/adapter"));
        var local = await GenerateAsync(tiny.Root, "--model", model, "--adapter_name_or_path", adapter);

        fetched.ExitCode.Should().Be(0, fetched.Error);
        fetched.Output.Should().Be(local.Output);
        apart.Output.Should().Be(local.Output);
        hub.Requests.Should().BeEmpty("both are in the cache");
    }

    [Fact]
    public async Task Judge_Adapter_ScoresAsTheMergedJudge()
    {
        var (adapter, merged) = (WriteAdapter(tiny.Judge), folder.File("merged"));
        (await GramProgram.RunAsync(tiny.Root, "export", "--model", tiny.Judge, "--adapter_name_or_path", adapter, "--output_dir", merged)).ExitCode.Should().Be(0);

        var (expected, plain) = (await ScoresAsync("--reward_model", merged), await ScoresAsync("--reward_model", tiny.Judge));
        var (apart, alone) = (await ScoresAsync("--reward_model", tiny.Judge, "--reward_model_adapters", adapter), await ScoresAsync("--reward_model", adapter));

        File.ReadAllText(Path.Combine(merged, "gram_config.json")).Should().Be(File.ReadAllText(Path.Combine(tiny.Judge, "gram_config.json")));
        Distance(apart, expected).Should().BeLessThan(1e-5);
        alone.Should().Equal(apart);
        Distance(plain, expected).Should().BeGreaterThan(1e-3);

        async Task<double[]> ScoresAsync(params string[] judge)
        {
            var run = await GramProgram.RunAsync(tiny.Root, ["judge", .. judge, "--input", tiny.Pairs, "--dtype", "float32", "--json"]);
            run.ExitCode.Should().Be(0, run.Error);
            return [.. run.Json["pairs"]!.AsArray().Select(pair => pair!["score_chosen"]!.GetValue<double>())];
        }

        static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
    }

    [Fact]
    public async Task Ppo_JudgeWithAnAdapter_Runs()
    {
        var run = await GramProgram.RunAsync(
            tiny.Root, "ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--reward_model_adapters", WriteAdapter(tiny.Judge), "--dataset", tiny.Prompts, "--max_steps", "1", "--max_new_tokens", "4",
            "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1", "--ppo_buffer_size", "1", "--output_dir", folder.File("run"));

        run.ExitCode.Should().Be(0, run.Error);
    }

    [Fact]
    public async Task Export_DTypeAlone_RoundsTheWeights()
    {
        var output = folder.File("bf16");

        var run = await GramProgram.RunAsync(tiny.Root, "export", "--model", tiny.Policy, "--dtype", "bfloat16", "--output_dir", output);

        run.ExitCode.Should().Be(0, run.Error);
        run.Output.Should().Contain("parameters in bfloat16");
        using var scope = NewDisposeScope();
        using var from = TensorStore.OpenDirectory(tiny.Policy);
        using var to = TensorStore.OpenDirectory(output);
        foreach (var name in from.Names) to.Load(name).equal(from.Load(name, ScalarType.BFloat16)).all().item<bool>().Should().BeTrue(name);
    }

    [Fact]
    public Task SeveralAdapters_AreRefused() => FailsAsync("one can go over a model", "generate", "--model", tiny.Policy, "--adapter_name_or_path", "a,b", "--prompt", "x");

    [Fact]
    public Task AdapterOverAnAdapter_IsRefused()
    {
        var adapter = WriteAdapter(tiny.Policy);
        return FailsAsync("is an adapter itself", "generate", "--model", adapter, "--adapter_name_or_path", adapter, "--prompt", "x");
    }

    [Fact]
    public Task AdapterThatIsNone_NamesTheMissingFile() => FailsAsync("adapter_config.json does not exist", "generate", "--model", tiny.Policy, "--adapter_name_or_path", tiny.Judge, "--prompt", "x");

    [Fact]
    public Task AdapterWhoseBaseIsGone_SaysWhichKeysNameBoth()
    {
        var adapter = WriteAdapter(tiny.Judge, baseName: "gone/away");
        return FailsAsync("or name the base as reward_model, the adapter as reward_model_adapters", "judge", "--reward_model", adapter, "--input", tiny.Pairs);
    }

    [Fact]
    public Task AdapterWhereAWholeModelIsTrained_IsRefused() =>
        FailsAsync("merge it into its base first (gram export)", "train", "--model", WriteAdapter(tiny.Policy), "--dataset", tiny.Pairs, "--gram_loss", "--template", "none", "--output_dir", folder.File("never"));

    [Fact]
    public async Task Export_IntoAFolderInUse_IsRefused()
    {
        await FailsAsync("is not empty", "export", "--model", tiny.Policy, "--output_dir", tiny.Policy);
        await FailsAsync("--output_dir is needed", "export", "--model", tiny.Policy);
    }

    private static string[] Generate(params string[] model) => ["generate", .. model, "--prompt", "Nobody counted the wooden boat.", "--template", "none", "--dtype", "float32", "--max_new_tokens", "12"];

    private static Task<ProgramRun> GenerateAsync(string workingDirectory, params string[] model) => GramProgram.RunAsync(workingDirectory, Generate(model));

    /// <summary>Writes an adapter that changes much, and returns its directory.</summary>
    private string WriteAdapter(string model, string? baseName = null)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var loaded = CausalLM.Load(model);
        using var adapter = LoraAdapter.Create(new LoraConfig { Rank = 2, Alpha = 4, BaseModelNameOrPath = baseName ?? model }, loaded, new RandomSource(5));
        var random = new RandomSource(6);
        foreach (var linear in adapter.Linears.Values)
        {
            float[] values = [.. Enumerable.Range(0, (int)linear.B.numel()).Select(_ => (float)(0.5 * random.NextGaussian()))];
            linear.B.copy_(tensor(values, linear.B.shape));
        }
        var directory = folder.File("adapter");
        Directory.CreateDirectory(directory);
        adapter.Save(directory);
        return directory;
    }

    private async Task FailsAsync(string says, params string[] args)
    {
        var run = await GramProgram.RunAsync(tiny.Root, args);
        run.ExitCode.Should().Be(2, run.Error);
        run.ErrorLine.Should().Contain(says);
    }
}
