using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tests.Checkpoints;

public sealed class ModelConfigTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Read_HubStyle_TakesTopLevelRope()
    {
        var config = Read(Small(new() { ["rope_theta"] = 1000000, ["rope_scaling"] = null, ["torch_dtype"] = "bfloat16" }));

        config.RopeTheta.Should().Be(1e6);
        config.RopeScaling.Should().BeNull();
        config.HeadDim.Should().Be(8, "hidden_size / num_attention_heads stands in for head_dim");
        config.NumKeyValueHeads.Should().Be(2);
    }

    [Fact]
    public void Read_Transformers5Style_TakesRopeParameters()
    {
        var config = Read(Small(new()
        {
            ["rope_parameters"] = new JsonObject
            {
                ["rope_type"] = "llama3",
                ["rope_theta"] = 500000.0,
                ["factor"] = 8.0,
                ["low_freq_factor"] = 1.0,
                ["high_freq_factor"] = 4.0,
                ["original_max_position_embeddings"] = 64,
            },
        }));

        config.RopeTheta.Should().Be(5e5);
        config.RopeScaling.Should().Be(new RopeScaling(8, 1, 4, 64));
    }

    [Theory]
    [InlineData("2", new[] { 2 })]
    [InlineData("[2, 5]", new[] { 2, 5 })]
    [InlineData("null", new int[0])]
    public void Read_EndTokens_NumberOrList(string json, int[] expected) =>
        Read(Small(new() { ["eos_token_id"] = JsonNode.Parse(json) })).EosTokenIds.Should().Equal(expected);

    [Fact]
    public void Read_GenerationConfig_ItsEndTokensWin()
    {
        File.WriteAllText(directory.File("generation_config.json"), """{"eos_token_id": [4, 2], "do_sample": true, "top_k": 20, "temperature": 0.6}""");

        Read(Small(new() { ["eos_token_id"] = 4 })).EosTokenIds.Should().Equal(4, 2);
    }

    [Fact]
    public void Read_Qwen2_HasBiases() => Read(Small(new() { ["model_type"] = "qwen2" })).AttentionBias.Should().BeTrue();

    [Fact]
    public void Read_SlidingWindowSwitchedOff_IsFine() =>
        Read(Small(new() { ["model_type"] = "qwen2", ["sliding_window"] = 4, ["use_sliding_window"] = false })).ModelType.Should().Be("qwen2");

    [Theory]
    [InlineData("model_type", "\"frobnicator\"", "*config.json*model_type*frobnicator*")]
    [InlineData("vocab_size", "null", "*config.json*vocab_size is missing*")]
    [InlineData("vocab_size", "\"many\"", "*config.json*vocab_size is \"many\"*integer*")]
    [InlineData("hidden_size", "0", "*config.json*hidden_size is 0*")]
    [InlineData("hidden_size", "33", "*config.json*hidden_size 33*num_attention_heads 4*")]
    [InlineData("num_key_value_heads", "3", "*config.json*num_attention_heads 4*num_key_value_heads 3*")]
    [InlineData("head_dim", "7", "*config.json*head_dim 7*odd*")]
    [InlineData("hidden_act", "\"gelu\"", "*config.json*hidden_act gelu*")]
    [InlineData("attention_bias", "true", "*config.json*attention_bias*")]
    [InlineData("rope_scaling", "{\"type\": \"yarn\", \"factor\": 4.0}", "*config.json*yarn*")]
    [InlineData("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 4.0}", "*config.json*low_freq_factor is missing*")]
    [InlineData("eos_token_id", "[2, 99]", "*config.json*99*vocabulary of 64*")]
    [InlineData("quantization_config", "{\"bits\": 4}", "*config.json*quantization_config*")]
    public void Read_WrongValue_NamesFileKeyAndValue(string key, string json, string message) =>
        FluentActions.Invoking(() => Read(Small(new() { [key] = JsonNode.Parse(json) }))).Should().Throw<GramException>().WithMessage(message);

    [Fact]
    public void Read_SlidingWindowSwitchedOn_IsAnError() =>
        FluentActions.Invoking(() => Read(Small(new() { ["model_type"] = "qwen3", ["sliding_window"] = 4, ["use_sliding_window"] = true })))
            .Should().Throw<GramException>().WithMessage("*config.json*use_sliding_window*");

    [Theory]
    [InlineData("{\"model_type\": \"lla")]
    [InlineData("[1, 2]")]
    [InlineData("{\"a\": 1, \"a\": 2}")]
    public void Read_BrokenJson_NamesFile(string json)
    {
        File.WriteAllText(directory.File("config.json"), json);
        FluentActions.Invoking(() => ModelConfig.Read(directory.Path)).Should().Throw<GramException>().WithMessage("*config.json*");
    }

    [Fact]
    public void Read_NoFile_NamesIt() =>
        FluentActions.Invoking(() => ModelConfig.Read(directory.Path)).Should().Throw<GramException>().WithMessage("*config.json does not exist*");

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void ToJson_ReadBack_IsTheSame(string type)
    {
        var config = new ModelConfig
        {
            ModelType = type,
            VocabSize = 64,
            HiddenSize = 32,
            IntermediateSize = 48,
            NumHiddenLayers = 2,
            NumAttentionHeads = 4,
            NumKeyValueHeads = 2,
            HeadDim = 16,
            MaxPositionEmbeddings = 128,
            RmsNormEps = 1e-6,
            RopeTheta = 10_000,
            RopeScaling = new RopeScaling(8, 1, 4, 64),
            TieWordEmbeddings = true,
            AttentionBias = type == "qwen2",
            PadTokenId = 0,
            EosTokenIds = [1, 2],
        };
        File.WriteAllText(directory.File("config.json"), config.ToJson().ToJsonString());

        ModelConfig.Read(directory.Path).Should().BeEquivalentTo(config, options => options.Excluding(read => read.Raw));
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Read_Golden_ReadsItsStopIds(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        var config = ModelConfig.Read(Goldens.PathOf("models", name));

        var expected = golden["ids"]!["stop"] ?? golden["ids"]!["eos"];
        config.EosTokenIds.Should().Equal(expected!.AsArray().Select(id => id!.GetValue<int>()));
        config.PadTokenId.Should().Be(golden["ids"]!["pad"]!.GetValue<int>());
    }

    public static IEnumerable<object[]> Cases() => Goldens.Folders("models", "golden.json");

    private ModelConfig Read(JsonObject json)
    {
        File.WriteAllText(directory.File("config.json"), json.ToJsonString());
        return ModelConfig.Read(directory.Path);
    }

    /// <summary>A sound config.json with some keys set.</summary>
    private static JsonObject Small(JsonObject changes)
    {
        var json = JsonNode.Parse("""
            {"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-06,
             "tie_word_embeddings": true, "hidden_act": "silu"}
            """)!.AsObject();
        foreach (var (key, value) in changes) json[key] = value?.DeepClone();
        return json;
    }
}
