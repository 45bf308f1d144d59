using System.Text.Json.Nodes;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;

namespace Gram.Models.Tests.Generation;

/// <summary>Greedy answers equal transformers', token for token.</summary>
[Trait("Category", Goldens.Category)]
public class GreedyGoldenTests
{
    public static IEnumerable<object[]> Cases() => Goldens.Folders("models", "golden.json");

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Generate_EachPromptAlone_EqualsTransformers(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        using var model = CausalLM.Load(Goldens.PathOf("models", name));
        var prompts = Ids(golden["prompts"]!);
        for (var i = 0; i < prompts.Length; i++)
        {
            var expected = golden["greedy"]!["alone"]![i]!;
            var actual = Greedy(model, golden, [prompts[i]])[0];
            actual.Tokens.Should().Equal(Row(expected["new_ids"]!), $"prompt {i}");
            actual.Ended.Should().Be(expected["stop"]!.GetValue<string>() == "eos");
        }
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Generate_LeftPaddedBatch_EqualsTransformersUpToTheEndToken(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        using var model = CausalLM.Load(Goldens.PathOf("models", name));
        var expected = Ids(golden["greedy"]!["left_padded_batch"]!["new_ids"]!);
        var actual = Greedy(model, golden, Ids(golden["prompts"]!));
        for (var i = 0; i < expected.Length; i++)
        {
            actual[i].Tokens.Should().Equal(expected[i][..actual[i].Tokens.Length], $"prompt {i}");
            expected[i][actual[i].Tokens.Length..].Should().AllBeEquivalentTo(golden["ids"]!["pad"]!.GetValue<int>());
        }
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Generate_FromText_EqualsTransformers(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        var directory = Goldens.PathOf("models", name);
        using var model = CausalLM.Load(directory);
        var tokenizer = Tokenizer.Load(directory);
        foreach (var example in golden["greedy_from_text"]!.AsArray())
        {
            var prompt = Row(example!["ids"]!);
            Encode(tokenizer, example).Should().Equal(prompt);
            var answer = Greedy(model, golden, [prompt])[0].Tokens;
            answer.Should().Equal(Row(example["new_ids"]!));
            tokenizer.Decode(answer).Should().Be(example["new_text"]!.GetValue<string>());
        }
    }

    /// <summary>Ids of a plain text, or of a chat through the checkpoint's own template.</summary>
    private static int[] Encode(Tokenizer tokenizer, JsonNode example)
    {
        if (example["text"] is { } text) return tokenizer.Encode(text.GetValue<string>(), addSpecialTokens: true);
        ChatMessage[] messages = [.. example["messages"]!.AsArray().Select(message => new ChatMessage(message!["role"]!.GetValue<string>(), message["content"]!.GetValue<string>()))];
        return ChatTemplate.ForCheckpoint(tokenizer).Encode(tokenizer, messages, addGenerationPrompt: true);
    }

    /// <summary>With the end tokens of the checkpoint's own files, and as many new tokens as the golden has.</summary>
    private static GeneratedSequence[] Greedy(CausalLM model, JsonNode golden, int[][] prompts) =>
        [.. new Generator(model, model.Config.EosTokenIds, golden["ids"]!["pad"]!.GetValue<int>())
            .Generate(prompts, new SamplingOptions { MaxNewTokens = golden["greedy"]!["max_new_tokens"]!.GetValue<int>() }, greedy: true, samples: 0, new RandomSource(0))
            .Select(group => group.Greedy!)];

    private static int[][] Ids(JsonNode rows) => [.. rows.AsArray().Select(row => Row(row!))];

    private static int[] Row(JsonNode ids) => [.. ids.AsArray().Select(id => id!.GetValue<int>())];
}
