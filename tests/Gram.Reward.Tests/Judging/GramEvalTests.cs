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

    /// <summary>The script's batch is padded on the left and counts positions from the padding; ours is neither, within rounding.</summary>
    [SkippableFact]
    public async Task Score_ScriptsPaddedBatch_IsTheSame()
    {
        var items = Items();
        List<JsonNode> padded = [.. Goldens.Json("rl", "gram_eval", "padded_batch.json")["items"]!.AsArray().Select(item => item!)];
        using var judge = GramJudge.Load(TestModels.SmolLM2());

        var scores = await judge.ScoreAsync([.. padded.Select(item => items[item["item"]!.GetValue<int>()]).Select(item => new AnswerPair(Text(item, "prompt"), Text(item, "chosen"), Text(item, "rejected")))]);

        foreach (var (item, score) in padded.Zip(scores))
        {
            score.PAb.Should().BeApproximately(item["p_chosen_per_order"]![0]!.GetValue<double>(), 1e-5);
            score.PBa.Should().BeApproximately(item["p_chosen_per_order"]![1]!.GetValue<double>(), 1e-5);
            score.ScoreA.Should().BeApproximately(item["score_chosen"]!.GetValue<double>(), 1e-5);
        }
    }

    private static async Task Compare(string dtype, double tolerance, int most)
    {
        List<JsonNode> items = [.. Items().OrderBy(item => item["order1"]!["prompt_ids"]!.AsArray().Count).Take(most)];
        using var judge = GramJudge.Load(TestModels.SmolLM2(), dtype == "f32" ? ScalarType.Float32 : ScalarType.BFloat16);

        AnswerPair[] pairs = [.. items.Select(item => new AnswerPair(Text(item, "prompt"), Text(item, "chosen"), Text(item, "rejected")))];
        var scores = await judge.ScoreAsync(pairs);
        var shortest = (await judge.ScoreAsync([new(pairs[0].Question, pairs[0].AnswerB, pairs[0].AnswerA)]))[0]; // a call of its own: in one, both pairs would share their prompts
        shortest.ScoreB.Should().BeApproximately(scores[0].ScoreA, tolerance);

        for (var i = 0; i < items.Count; i++)
        {
            var expected = items[i][dtype]!;
            scores[i].ScoreA.Should().BeApproximately(expected["score_chosen"]!.GetValue<double>(), tolerance, "item {0}", i);
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
