using System.Text.Json.Nodes;
using Gram.Reward.Judging;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Judging;

/// <summary>GRAM's own evaluation script on SmolLM2: prompt ids, label logits, probabilities, scores.</summary>
[Trait("Category", Goldens.Category)]
public sealed class GramEvalTests
{
    [SkippableFact]
    public void PromptIds_PublishedPrompt_AreTheScripts()
    {
        var config = GramConfig.Published;
        var prompt = new JudgePrompt(config);
        var tokenizer = TestTokenizers.SmolLM2;
        var template = Gram.Models.Tokenization.ChatTemplate.ForCheckpoint(tokenizer);
        foreach (var item in Items())
        {
            var (question, chosen, rejected) = (Text(item, "prompt"), Text(item, "chosen"), Text(item, "rejected"));

            Ids(question, chosen, rejected).Should().Equal(Ints(item["order1"]!["prompt_ids"]!));
            Ids(question, rejected, chosen).Should().Equal(Ints(item["order2"]!["prompt_ids"]!));
        }

        int[] Ids(string question, string a, string b) => template.Encode(tokenizer, [new("user", prompt.Render(question, a, b))], true, config.EnableThinking);
    }

    /// <summary>The shorter pairs, which take seconds; all of them take minutes.</summary>
    [SkippableTheory]
    [InlineData("f32", 1e-5)]
    [InlineData("bf16", 2e-2)]
    public Task Score_ShorterPairs_IsTheScripts(string dtype, double tolerance) => Compare(dtype, tolerance, most: 4);

    [SkippableTheory, Trait("Category", "Nightly")]
    [InlineData("f32", 1e-5)]
    [InlineData("bf16", 2e-2)]
    public Task Score_AllPairs_IsTheScripts(string dtype, double tolerance)
    {
        Skip.If(Environment.GetEnvironmentVariable("GRAMRL_NIGHTLY") != "1", "takes minutes: set GRAMRL_NIGHTLY=1");
        return Compare(dtype, tolerance, most: int.MaxValue);
    }

    private static async Task Compare(string dtype, double tolerance, int most)
    {
        List<JsonNode> items = [.. Items().OrderBy(item => item["order1"]!["prompt_ids"]!.AsArray().Count).Take(most)];
        using var judge = GramJudge.Load(TestModels.SmolLM2(), dtype == "f32" ? ScalarType.Float32 : ScalarType.BFloat16);

        // Swapped pairs as well: their prompts are known already, and cost nothing.
        AnswerPair[] pairs = [.. items.Select(item => new AnswerPair(Text(item, "prompt"), Text(item, "chosen"), Text(item, "rejected")))];
        var scores = await judge.ScoreAsync([.. pairs, .. pairs.Select(pair => new AnswerPair(pair.Question, pair.AnswerB, pair.AnswerA))]);

        for (var i = 0; i < items.Count; i++)
        {
            var expected = items[i][dtype]!;
            scores[i].ScoreA.Should().BeApproximately(expected["score_chosen"]!.GetValue<double>(), tolerance, "item {0}", i);
            scores[items.Count + i].ScoreB.Should().BeApproximately(scores[i].ScoreA, 1e-12);
            if (dtype != "f32") continue;
            scores[i].PAb.Should().BeApproximately(expected["order1"]!["p_chosen"]!.GetValue<double>(), tolerance);
            scores[i].PBa.Should().BeApproximately(expected["order2"]!["p_chosen"]!.GetValue<double>(), tolerance);
        }
        judge.Shortened.Should().Be(0);
    }

    private static List<JsonNode> Items() => [.. Goldens.Json("rl", "gram_eval", "gram_eval.json")["items"]!.AsArray().Select(item => item!)];
    private static string Text(JsonNode item, string key) => item[key]!.GetValue<string>();
    private static int[] Ints(JsonNode list) => [.. list.AsArray().Select(value => value!.GetValue<int>())];
}
