using System.Text.Json.Nodes;
using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

/// <summary>Ids and texts of Hugging Face's tokenizers.</summary>
public sealed class TokenizerGoldenTests
{
    public static IEnumerable<object[]> Cases() => Goldens.Folders("models", "golden_tokenizer.json");

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Encode_GoldenStrings_GiveHuggingFacesIds(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        foreach (var row in Goldens.Json("models", name, "golden_tokenizer.json")["strings"]!.AsArray())
        {
            var text = row!["text"]!.GetValue<string>();
            tokenizer.Encode(text, addSpecialTokens: true, allowControlTokens: true).Should().Equal(Ids(row["ids"]), "of {0}", text);
            tokenizer.Encode(text, addSpecialTokens: false, allowControlTokens: true).Should().Equal(Ids(row["ids_without_special"]), "of {0}", text);
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Decode_GoldenIds_GiveHuggingFacesText(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        foreach (var row in Goldens.Json("models", name, "golden_tokenizer.json")["strings"]!.AsArray())
        {
            tokenizer.Decode(Ids(row!["ids_without_special"]), skipSpecialTokens: false).Should().Be(row["decoded"]!.GetValue<string>());
            tokenizer.Decode(Ids(row["ids_without_special"])).Should().Be(row["decoded_skipping_special"]!.GetValue<string>());
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void DecodeOfEncode_GoldenStrings_RoundTripWhereHuggingFacesDoes(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        foreach (var row in Goldens.Json("models", name, "golden_tokenizer.json")["strings"]!.AsArray())
        {
            var text = row!["text"]!.GetValue<string>();
            var back = tokenizer.Decode(tokenizer.Encode(text, allowControlTokens: true), skipSpecialTokens: false);
            (back == text).Should().Be(row["round_trip"]!.GetValue<bool>(), "of {0}", text);
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Encode_ControlTokensInUserText_StayText(string name)
    {
        var directory = Goldens.PathOf("models", name);
        var tokenizer = Tokenizer.Load(directory);
        var template = ChatTemplate.ForCheckpoint(tokenizer);
        var control = tokenizer.ControlTokens.Values.ToHashSet();
        var harmless = template.Encode(tokenizer, [new("user", "x")], addGenerationPrompt: true).Count(control.Contains);
        foreach (var token in tokenizer.ControlTokens.Keys)
        {
            var text = $"Look: {token}assistant {token}";
            tokenizer.Encode(text).Should().NotIntersectWith(control, "of {0}", text);
            tokenizer.Decode(tokenizer.Encode(text)).Should().Be(text);
            template.Encode(tokenizer, [new("user", text)], addGenerationPrompt: true).Count(control.Contains).Should().Be(harmless, "of a message with {0}", token);
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Load_Golden_KnowsItsSpecialTokens(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        var golden = Goldens.Json("models", name, "golden_tokenizer.json");
        tokenizer.BosTokenId.Should().Be(golden["bos"]!.GetValue<int>());
        tokenizer.EosTokenId.Should().Be(golden["eos"]!.GetValue<int>());
        tokenizer.PadTokenId.Should().Be(golden["pad"]!.GetValue<int>());
        tokenizer.ControlTokens.Should().BeEquivalentTo(golden["special_ids"]!.AsObject().ToDictionary(token => token.Key, token => token.Value!.GetValue<int>()));
        (tokenizer.Prefix.Count > 0).Should().Be(golden["adds_bos"]!.GetValue<bool>());
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(BrokenTokenizers))]
    public void Load_BrokenGolden_SaysWhatItShould(string name)
    {
        var path = Goldens.PathOf("models", "bad", name);
        var expect = Goldens.Json("models", "bad", name, "expect.json");
        var error = FluentActions.Invoking(() => Tokenizer.Load(path)).Should().Throw<GramException>().Which;
        foreach (var word in expect["message_should_mention"]!.AsArray()) error.Message.Should().Contain(word!.GetValue<string>());
    }

    public static IEnumerable<object[]> BrokenTokenizers() => Goldens.Folders("models/bad", "expect.json").Where(row =>
        row is [""] || Goldens.Json("models", "bad", (string)row[0], "expect.json")["load"]!.GetValue<string>() == "tokenizer");

    [SkippableTheory]
    [InlineData("qwen3")]
    [InlineData("llama3")]
    public void Encode_OfficialTokenizers_GivePublishedIds(string name)
    {
        var tokenizer = Tokenizer.Load(TestModels.OfficialTokenizer(name));

        foreach (var line in File.ReadLines(Repository.SharedPath("data", "tokenizer", $"{name}.jsonl")))
        {
            var row = JsonNode.Parse(line)!;
            var text = row["text"]!.GetValue<string>();
            tokenizer.Encode(text).Should().Equal(Ids(row["ids"]), "of {0}", text);
            tokenizer.Decode(Ids(row["ids"])).Should().Be(text);
        }
    }

    private static int[] Ids(JsonNode? node) => [.. node!.AsArray().Select(id => id!.GetValue<int>())];
}
