using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer.Lora;

/// <summary>Adapter directories: written and read back, and broken ones.</summary>
public sealed class LoraFilesTests
{
    private const string Config = LoraConfig.FileName, Weights = "adapter_model.safetensors";

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen3")]
    public void Save_ThenLoad_GivesTheSameAdapter(string type)
    {
        using var scope = NewDisposeScope();
        using var directory = new TemporaryDirectory();
        using var model = TinyModels.Create(type, 1);
        using var adapter = TinyAdapters.Create(model, 1, new LoraConfig
        {
            Rank = 3, Alpha = 5, Dropout = 0.25, UseRsLora = true, ModulesToSave = ["lm_head", "model.norm"],
            TargetModules = new(["up_proj", "q_proj"]), RankPattern = [new("q_proj", 2)], AlphaPattern = [new("up_proj", 1.5)],
        });

        adapter.Save(directory.Path);
        using var loaded = LoraAdapter.Load(directory.Path, model);

        loaded.Config.Should().BeEquivalentTo(adapter.Config, options => options.Excluding(config => config.Raw));
        loaded.Parameters.Keys.Should().Equal(adapter.Parameters.Keys);
        foreach (var (name, parameter) in loaded.Parameters) GoldenModel.MaxDifference(parameter, adapter.Parameters[name]).Should().Be(0, name);
        loaded.Linears.Select(linear => linear.Value.Scale).Should().Equal(adapter.Linears.Select(linear => linear.Value.Scale));
    }

    [Fact]
    public void Save_AllLinear_SpellsOutTheTargets()
    {
        using var directory = new TemporaryDirectory();
        using var model = TinyModels.Create("llama", 1);
        using var adapter = LoraAdapter.Create(new() { BaseModelNameOrPath = "base" }, model, new RandomSource(1));

        adapter.Save(directory.Path);

        JsonNode.Parse(File.ReadAllText(directory.File(Config)))!["target_modules"]!.ToJsonString()
            .Should().Be("""["down_proj","gate_proj","k_proj","o_proj","q_proj","up_proj","v_proj"]""");
    }

    [Fact]
    public void Load_AdapterDirectory_FindsItsBase()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryDirectory();
        var (whole, lora) = (Directory.CreateDirectory(folder.File("base")).FullName, Directory.CreateDirectory(folder.File("lora")).FullName);
        using var model = TinyModels.Create("llama", 1);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, new LoraConfig { BaseModelNameOrPath = whole }));
        model.Save(whole);
        view.Save(lora);
        var tokens = randint(0, model.Config.VocabSize, [1, 4]);

        using var loaded = CausalLM.Load(lora);

        GoldenModel.MaxDifference(loaded.Hidden(tokens), view.Hidden(tokens)).Should().Be(0);
        var twice = () => CausalLM.Load(lora, lora);
        twice.Should().Throw<GramException>().WithMessage("*lora is an adapter itself*");
        Edit(lora, config => config["base_model_name_or_path"] = "nowhere/at-all");
        var lost = () => CausalLM.Load(lora);
        lost.Should().Throw<GramException>().WithMessage($"*{Config}: base_model_name_or_path nowhere/at-all*adapter_name_or_path*");
    }

    public static TheoryData<string, Action<string>, string> Broken => new()
    {
        { "no config", directory => File.Delete(Path.Combine(directory, Config)), "adapter_config.json does not exist: name the directory of a PEFT adapter" },
        { "no weights", directory => File.Delete(Path.Combine(directory, Weights)), "adapter_model.safetensors does not exist" },
        { "cut weights", directory => File.WriteAllBytes(Path.Combine(directory, Weights), File.ReadAllBytes(Path.Combine(directory, Weights))[..^8]), "adapter_model.safetensors*cut short" },
        { "other rank", directory => Edit(directory, config => config["r"] = 5), "lora_A.weight has shape [2, *where * imply [5, " },
        { "unknown target", directory => Edit(directory, config => config["target_modules"] = new JsonArray("q_proj", "query_key_value")), "target_modules names query_key_value*it has q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj" },
        { "pattern of nothing", directory => Edit(directory, config => config["target_modules"] = "q"), "target_modules matches no module of the base model: q" },
        { "broken pattern", directory => Edit(directory, config => config["target_modules"] = "(q"), "(q is not a regular expression" },
        { "embedding as a target", directory => Edit(directory, config => config["target_modules"] = new JsonArray("embed_tokens")), "takes in model.embed_tokens*modules_to_save" },
        { "more targets than weights", directory => Edit(directory, config => config["target_modules"] = new JsonArray("q_proj", "k_proj")), "lacks base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight" },
        { "more weights than targets", directory => Edit(directory, config => config["target_modules"] = new JsonArray("model.layers.0.self_attn.q_proj")), "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight has no place" },
        { "unknown module to save", directory => Edit(directory, config => config["modules_to_save"] = new JsonArray("score")), "modules_to_save names score" },
        { "module to save without weights", directory => Edit(directory, config => config["modules_to_save"] = new JsonArray("lm_head")), "lacks base_model.model.lm_head.weight" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Load_BrokenDirectory_SaysWhatIsWrongInOneLine(string what, Action<string> breakIt, string expected)
    {
        using var folder = new TemporaryDirectory();
        using var model = Model(layers: 2);
        using (var adapter = TinyAdapters.Create(model, 1, new LoraConfig { Rank = 2, TargetModules = new(["q_proj"]) })) adapter.Save(folder.Path);
        breakIt(folder.Path);

        var load = () => LoraAdapter.Load(folder.Path, model);

        load.Should().Throw<GramException>(what).WithMessage($"*{folder.Path}*{expected}*").Which.Message.Should().NotContain("\n");
    }

    [Fact]
    public void Load_AdapterOfAnotherBase_IsRefused()
    {
        using var folder = new TemporaryDirectory();
        using var model = Model(layers: 2);
        using var deeper = Model(layers: 3);
        using var wider = Model(layers: 2, hidden: 48);
        using (var adapter = TinyAdapters.Create(model, 1, new LoraConfig { Rank = 2, TargetModules = new(["q_proj"]) })) adapter.Save(folder.Path);

        foreach (var other in new[] { deeper, wider })
        {
            var load = () => LoraAdapter.Load(folder.Path, other);
            load.Should().Throw<GramException>().WithMessage("*adapter_model.safetensors*is it the adapter of another base?");
        }
    }

    [Fact]
    public void Targets_AsAPattern_MatchWholeNames()
    {
        using var model = Model(layers: 2);
        using var adapter = LoraAdapter.Create(new() { TargetModules = new([], @".*\.1\.(mlp|self_attn)\.(up|o)_proj") }, model, new RandomSource(1));

        adapter.Linears.Keys.Should().Equal("model.layers.1.self_attn.o_proj", "model.layers.1.mlp.up_proj");
    }

    private static CausalLM Model(int layers, int hidden = 32) =>
        CausalLM.Create(TinyModels.Config("llama", 1) with { NumHiddenLayers = layers, HiddenSize = hidden }, new RandomSource(1));

    private static void Edit(string directory, Action<JsonObject> edit)
    {
        var path = Path.Combine(directory, Config);
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        edit(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
