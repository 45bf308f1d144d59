using System.Text.Json.Nodes;
using Gram.Reward.Judging;

namespace Gram.Serving.Tests.Protocols;

public sealed class OwnProtocolTests
{
    [Fact]
    public async Task Compare_PromptsAndConversations_GetTheJudgesScores()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        var body = JsonNode.Parse("""
            {"pairs": [
              {"prompt": "Why?", "response_a": "So.", "response_b": "No."},
              {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Why?"}], "response_a": "So.", "response_b": "No."},
              {"prompt": "Why?", "response_a": "So.", "response_b": "So.", "id": 7}]}
            """)!.AsObject();

        var answer = await server.AskAsync("/v1/compare", body);

        var results = answer["results"]!.AsArray();
        Check(results[0]!, RuleJudge.ScoreOf(new("Why?", "So.", "No.")));
        Check(results[1]!, RuleJudge.ScoreOf(new("Be kind.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Why?", "So.", "No.")));
        Check(results[2]!, PairScore.Tie);
        results[0]!.AsObject().Select(field => field.Key).Should().Equal("score_a", "score_b", "p_ab", "p_ba", "order_disagreement");
    }

    [Fact]
    public async Task Compare_NoPairs_GetsNoResults()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());

        (await server.AskAsync("/v1/compare", new JsonObject { ["pairs"] = new JsonArray() }))["results"]!.AsArray().Should().BeEmpty();
    }

    [Theory]
    [InlineData("linear", 3)]
    [InlineData("knockout", 3)]
    [InlineData("round_robin", 6)]
    [InlineData("adaptive", null)] // as many as it takes
    public async Task Rank_Answers_GivesARankedItemAsTheDocumentDescribesIt(string method, int? comparisons)
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        string[] answers = ["one", "two", "three", "four"];

        var ranked = await server.AskAsync("/v1/rank", new JsonObject { ["prompt"] = "Why?", ["responses"] = new JsonArray([.. answers.Select(answer => JsonValue.Create(answer))]), ["method"] = method });

        var best = answers.MaxBy(answer => answers.Count(other => RuleJudge.ScoreOf(new("Why?", answer, other)).ScoreA > 0.5))!;
        answers[ranked["best"]!.GetValue<int>()].Should().Be(best, "the rule is transitive");
        ranked["ranking"]!.AsArray().Should().HaveCount(4);
        if (comparisons is { } count) ranked["comparisons"]!.AsArray().Should().HaveCount(count);
        ranked["method"]!.GetValue<string>().Should().Be(method);
        ranked["prompt"]!.GetValue<string>().Should().Be("Why?");
        ranked["responses"]!.AsArray().Select(response => response!.GetValue<string>()).Should().Equal(answers);
        var document = JsonNode.Parse(await server.Client.GetStringAsync(new Uri("/openapi.json", UriKind.Relative)))!;
        ranked.Select(field => field.Key).Should().BeSubsetOf(document["components"]!["schemas"]!["RankResponse"]!["properties"]!.AsObject().Select(field => field.Key));
    }

    private static void Check(JsonNode result, PairScore score)
    {
        result["score_a"]!.GetValue<double>().Should().Be(score.ScoreA);
        result["score_b"]!.GetValue<double>().Should().Be(score.ScoreB);
        result["p_ab"]!.GetValue<double>().Should().Be(score.PAb);
        result["p_ba"]!.GetValue<double>().Should().Be(score.PBa);
        result["order_disagreement"]!.GetValue<double>().Should().Be(score.OrderDisagreement);
    }
}
