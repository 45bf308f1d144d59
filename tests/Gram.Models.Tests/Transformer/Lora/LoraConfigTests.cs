using System.Text.Json.Nodes;
using Gram.Models.Transformer.Lora;

namespace Gram.Models.Tests.Transformer.Lora;

public sealed class LoraConfigTests
{
    [Fact]
    public void Read_OldFileOfFewKeys_TakesPeftsDefaults()
    {
        var config = Read("""{"peft_type":"LORA","r":16,"lora_alpha":32,"target_modules":["q_proj","v_proj"],"bias":"none","task_type":"CAUSAL_LM"}""");

        config.Should().BeEquivalentTo(new { Rank = 16, Alpha = 32.0, Dropout = 0.0, UseRsLora = false, BaseModelNameOrPath = (string?)null });
        config.TargetModules.Names.Should().Equal("q_proj", "v_proj");
        config.ScaleOf("model.layers.0.self_attn.q_proj").Should().Be(2);
    }

    [Fact]
    public void ScaleOf_PatternsAndRsLora_FollowsPeft()
    {
        var config = Read("""
            {"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":"all-linear","use_rslora":true,
             "rank_pattern":{"layers.0.self_attn.q_proj":16,"q_proj":9,"mlp\\..*":1},"alpha_pattern":{"v_proj":6}}
            """);

        config.RankOf("model.layers.0.self_attn.q_proj").Should().Be(16, "the first pattern that fits");
        config.RankOf("model.layers.1.self_attn.q_proj").Should().Be(9);
        config.RankOf("model.layers.1.mlp.up_proj").Should().Be(1);
        config.RankOf("model.layers.1.self_attn.k_proj").Should().Be(4);
        config.ScaleOf("model.layers.1.self_attn.q_proj").Should().BeApproximately(8 / 3.0, 1e-12);
        config.ScaleOf("model.layers.1.self_attn.v_proj").Should().Be(3);
    }

    [Theory]
    [InlineData("""{"peft_type":"IA3"}""", "peft_type IA3")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8}""", "target_modules is missing")]
    [InlineData("""{"peft_type":"LORA","lora_alpha":8,"target_modules":["q_proj"]}""", "r is missing")]
    [InlineData("""{"peft_type":"LORA","r":0,"lora_alpha":8,"target_modules":["q_proj"]}""", "above 0")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"lora_dropout":1}""", "lora_dropout is 1")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"use_dora":true}""", "use_dora is set")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"lora_bias":true}""", "lora_bias is set")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"bias":"all"}""", "bias all")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"layers_to_transform":[1]}""", "layers_to_transform is set")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"init_lora_weights":"pissa"}""", "init_lora_weights pissa")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"],"a_key_to_come":{"x":1}}""", "a_key_to_come is set")]
    [InlineData("""{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":[1]}""", "list of strings")]
    [InlineData("{", "is not JSON")]
    public void Read_OtherThanPlainLora_IsRefusedInOneLine(string json, string expected)
    {
        var read = () => Read(json);

        read.Should().Throw<GramException>().WithMessage($"*{LoraConfig.FileName}*{expected}*").Which.Message.Should().NotContain("\n");
    }

    [Fact]
    public void ToJson_NewConfig_HasTheKeysAndKindsThatPeftWrites()
    {
        var json = new LoraConfig { Rank = 4, Alpha = 8, TargetModules = new(["v_proj", "q_proj"]), BaseModelNameOrPath = "base", ModulesToSave = ["lm_head"] }.ToJson();

        json["target_modules"]!.ToJsonString().Should().Be("""["q_proj","v_proj"]""");
        json["modules_to_save"]!.ToJsonString().Should().Be("""["lm_head"]""");
        json["lora_alpha"]!.ToJsonString().Should().Be("8");
        json["base_model_name_or_path"]!.ToString().Should().Be("base");
        json.Select(pair => pair.Key).Should().BeInAscendingOrder(StringComparer.Ordinal);
    }

    [SkippableFact]
    public void ToJson_NewConfig_EqualsWhatPeftWritesForIt()
    {
        var peft = Goldens.Json("models", "llama-tied", "adapters", "qv-rslora", LoraConfig.FileName);

        var json = new LoraConfig { Rank = 4, Alpha = 8, TargetModules = new(["q_proj", "v_proj"]), UseRsLora = true, BaseModelNameOrPath = "llama-tied" }.ToJson();

        JsonNode.DeepEquals(JsonNode.Parse(json.ToJsonString()), peft).Should().BeTrue();
    }

    private static LoraConfig Read(string json)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File(LoraConfig.FileName), json);
        return LoraConfig.Read(directory.Path);
    }
}
