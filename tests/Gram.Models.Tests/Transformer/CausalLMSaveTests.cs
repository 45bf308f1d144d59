using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

public sealed class CausalLMSaveTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [MemberData(nameof(TinyModels.Cases), MemberType = typeof(TinyModels))]
    public void Save_ThenLoad_GivesTheSameModel(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        var tokens = randint(0, model.Config.VocabSize, [2, 5]);

        model.Save(directory.Path);
        using var loaded = CausalLM.Load(directory.Path);

        loaded.Parameters.Keys.Should().Equal(model.Parameters.Keys);
        GoldenModel.MaxDifference(loaded.Logits(loaded.Hidden(tokens)), model.Logits(model.Hidden(tokens))).Should().Be(0);
        loaded.Config.EosTokenIds.Should().Equal(model.Config.EosTokenIds);
    }

    [Fact]
    public void Save_ModelWithGenerationSettings_KeepsThemAll()
    {
        const string settings = """{"do_sample":true,"eos_token_id":[3,2],"temperature":0.6,"top_k":20,"transformers_version":"4.51.0"}""";
        var (first, second) = (directory.File("first"), directory.File("second"));
        using (var model = TinyModels.Create("qwen3", 1)) model.Save(Directory.CreateDirectory(first).FullName);
        File.WriteAllText(Path.Combine(first, "generation_config.json"), settings);

        using (var model = CausalLM.Load(first)) model.Save(Directory.CreateDirectory(second).FullName);

        JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(Path.Combine(second, "generation_config.json"))), JsonNode.Parse(settings)).Should().BeTrue();
    }

    [Fact]
    public void Save_OtherWeightsAndDtype_StoresThose()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1, ScalarType.BFloat16);
        var masters = model.Parameters.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.to(ScalarType.Float32) + 0.001f);

        model.Save(directory.Path, weights: masters, dtype: ScalarType.Float32);
        using var loaded = CausalLM.Load(directory.Path);

        GoldenModel.MaxDifference(loaded.Parameters["model.norm.weight"], masters["model.norm.weight"]).Should().Be(0);
        File.ReadAllText(directory.File("config.json")).Should().Contain("float32");
    }

    [Theory]
    [InlineData("1", "each tensor in a file of its own")]
    [InlineData("5KB", "several tensors in a file, and larger ones alone")]
    public void Save_InShards_IsReadAsOneModel(string maxShardSize, string because)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 1);

        model.Save(directory.Path, maxShardSize: maxShardSize);
        using var loaded = CausalLM.Load(directory.Path);

        foreach (var (name, weight) in model.Parameters) GoldenModel.MaxDifference(loaded.Parameters[name], weight).Should().Be(0, name);
        var shards = Weights();
        shards.Should().HaveCountGreaterThan(2, because).And.OnlyContain(file => file.EndsWith($"-of-{shards.Count:00000}.safetensors"));
        foreach (var shard in shards)
        {
            using var store = TensorStore.OpenFile(directory.File(shard));
            (store.Names.Count == 1 || store.Names.Sum(name => 4 * store.Load(name).numel()) <= Shards.ParseSize(maxShardSize)).Should().BeTrue(shard);
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Save_InShards_WritesTransformersIndex()
    {
        var golden = Goldens.PathOf("models", "qwen3-sharded-bf16");
        using (var model = CausalLM.Load(golden, ScalarType.BFloat16)) model.Save(directory.Path, maxShardSize: "50KB");

        var (index, theirs) = (Json("model.safetensors.index.json"), Goldens.Json("models", "qwen3-sharded-bf16", "model.safetensors.index.json"));

        index.AsObject().Select(entry => entry.Key).Should().Equal(theirs.AsObject().Select(entry => entry.Key));
        JsonNode.DeepEquals(index["metadata"], theirs["metadata"]).Should().BeTrue(index["metadata"]!.ToJsonString());
        index["weight_map"]!.AsObject().Select(entry => entry.Key).Should().Equal(theirs["weight_map"]!.AsObject().Select(entry => entry.Key), "transformers sorts them");
        index["weight_map"]!.AsObject().Select(entry => (string)entry.Value!).Distinct().Should().BeEquivalentTo(Weights());
    }

    [Theory]
    [InlineData("50GB", "5KB")]
    [InlineData("5KB", "50GB")]
    [InlineData("5KB", "5KB")]
    [InlineData("1", "5KB")]
    public void Save_OverAnEarlierModel_LeavesNothingOfItsWeights(string earlier, string later)
    {
        using var scope = NewDisposeScope();
        using (var old = TinyModels.Create("llama", 1)) old.Save(directory.Path, maxShardSize: earlier);
        foreach (var other in (string[])["value_head.safetensors", "adapter_model.safetensors", "model-notes.txt"]) File.WriteAllText(directory.File(other), other);
        using var model = TinyModels.Create("llama", 1, ScalarType.BFloat16);

        model.Save(directory.Path, maxShardSize: later);
        using var loaded = CausalLM.Load(directory.Path, ScalarType.BFloat16);

        GoldenModel.MaxDifference(loaded.Parameters["model.norm.weight"], model.Parameters["model.norm.weight"]).Should().Be(0);
        var index = File.Exists(directory.File("model.safetensors.index.json")) ? Json("model.safetensors.index.json")["weight_map"]!.AsObject().Select(entry => (string)entry.Value!).Distinct() : ["model.safetensors"];
        Weights().Should().BeEquivalentTo(index);
        Directory.GetFiles(directory.Path).Should().HaveCount(Weights().Count + (Weights().Count > 1 ? 1 : 0) + 2 + 3, "config.json, generation_config.json and what is not the model's");
    }

    [Theory]
    [InlineData("50GB")]
    [InlineData("5KB")]
    public void Save_StoppedHalfway_LeavesTheEarlierModelWhole(string maxShardSize)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen2", 2);
        model.Save(directory.Path, maxShardSize: maxShardSize);
        var before = Directory.GetFiles(directory.Path).Order().Select(file => (file, Bytes: Convert.ToHexString(File.ReadAllBytes(file)))).ToList();
        var gone = zeros_like(model.Parameters["model.norm.weight"]).to(META); // no data to be copied from

        var save = () => model.Save(directory.Path, weights: model.Parameters.ToDictionary(weight => weight.Key, weight => weight.Key == "model.norm.weight" ? gone : weight.Value + 1), maxShardSize: maxShardSize);

        save.Should().Throw<Exception>();
        Directory.GetFiles(directory.Path).Order().Select(file => (file, Bytes: Convert.ToHexString(File.ReadAllBytes(file)))).Should().Equal(before);
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(GoldenModel.All), MemberType = typeof(GoldenModel))]
    public void Save_AGolden_KeepsItsConfigurationAndTokenizer(string name)
    {
        var golden = Goldens.PathOf("models", name);
        var dtype = TensorStoreDType(golden);
        using (var model = CausalLM.Load(golden, dtype)) model.Save(directory.Path, Tokenizer.Load(golden));

        foreach (var file in (string[])["config.json", "generation_config.json"])
        {
            JsonNode.DeepEquals(Json(file), Goldens.Json("models", name, file)).Should().BeTrue(file);
        }
        foreach (var file in Directory.GetFiles(golden).Select(path => Path.GetFileName(path)!).Where(file => file.StartsWith("tokenizer") || file.StartsWith("chat_template") || file == "special_tokens_map.json"))
        {
            File.ReadAllBytes(directory.File(file)).Should().Equal(File.ReadAllBytes(Path.Combine(golden, file)), file);
        }
    }

    [Fact]
    public void Save_InAnotherDtype_SaysSoUnderEveryNameOfTheKey()
    {
        using (var model = TinyModels.Create("llama", 1)) model.Save(directory.Path);
        var config = Json("config.json");
        (config["dtype"], config["torch_dtype"]) = ("float32", "float32");
        File.WriteAllText(directory.File("config.json"), config.ToJsonString());

        using (var model = CausalLM.Load(directory.Path)) model.Save(directory.Path, dtype: ScalarType.BFloat16);

        ((string?)Json("config.json")["dtype"], (string?)Json("config.json")["torch_dtype"]).Should().Be(("bfloat16", "bfloat16"));
    }

    private static ScalarType TensorStoreDType(string path)
    {
        using var store = TensorStore.OpenDirectory(path);
        return store.DType("model.norm.weight");
    }

    private JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(directory.File(name)))!;

    private List<string> Weights() => [.. Directory.GetFiles(directory.Path, "model*.safetensors").Select(path => Path.GetFileName(path)!)];
}
