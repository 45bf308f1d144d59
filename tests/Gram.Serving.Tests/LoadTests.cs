using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Reward.Judging;
using Gram.Reward.Serving;

namespace Gram.Serving.Tests;

/// <summary>A thousand clients at once.</summary>
public sealed class LoadTests : IDisposable
{
    private const int Clients = 1000;

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task ThousandRequests_AtOnce_EachGetsItsOwnScores()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());

        var (answered, refused) = await AskAsync(server, PairOf, (pair, answer) => answer["score_a"]!.GetValue<double>().Should().Be(RuleJudge.ScoreOf(pair).ScoreA));

        (answered, refused).Should().Be((Clients, 0));
        server.Judge.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task ThousandRequests_AtAShortQueue_GetTheirScoresOr429()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), batches: new BatchOptions { MaxItems = 8, MaxWaiting = 20, Gather = TimeSpan.FromMilliseconds(5) });

        var (answered, refused) = await AskAsync(server, PairOf, (pair, answer) => answer["score_a"]!.GetValue<double>().Should().Be(RuleJudge.ScoreOf(pair).ScoreA));

        (answered + refused).Should().Be(Clients, "none is lost");
        answered.Should().BeGreaterThan(20);
    }

    [Fact]
    public async Task ThousandRequests_ToATinyJudge_GetWhatItSaysOfEachPairAlone()
    {
        TinyCheckpoint.Create(folder.File("judge"));
        var config = new GramConfig { Prompt = "Question: {question}\nA: {answer_a}\nB: {answer_b}\nBetter:", Template = "none" };
        config.Write(folder.File("judge"));
        AnswerPair[] pairs = [.. Enumerable.Range(0, Clients).Select(i => new AnswerPair($"Question {i % 50}?", $"{(char)('a' + (i % 26))}{i}", $"{(char)('z' - (i % 7))}{i * 7}"))];
        using var alone = GramJudge.Load(folder.File("judge"));
        var expected = pairs.Zip(await alone.ScoreAsync(pairs)).ToDictionary(pair => pair.First, pair => pair.Second);
        expected.Values.Select(score => Math.Round(score.PAb, 5)).Distinct().Count().Should().BeGreaterThan(Clients / 2, "scores that are alike would hide answers to other requests");
        await using var server = await TestServer.StartAsync(() => LoadedJudge.Of(GramJudge.Load(new ModelLocation(folder.File("judge")), prefixCacheBytes: 4 << 20)));

        var (answered, refused) = await AskAsync(server, i => pairs[i], (pair, answer) =>
        {
            answer["p_ab"]!.GetValue<double>().Should().BeApproximately(expected[pair].PAb, 2e-6);
            answer["p_ba"]!.GetValue<double>().Should().BeApproximately(expected[pair].PBa, 2e-6);
        });

        (answered, refused).Should().Be((Clients, 0));
        server.Judge.ReusedTokens.Should().BeGreaterThan(0, "twenty requests ask about a question");
    }

    private static AnswerPair PairOf(int i) => new($"Question {i}?", $"Yes {i}.", $"No {i}.");

    private static async Task<(int Answered, int Refused)> AskAsync(TestServer server, Func<int, AnswerPair> pairOf, Action<AnswerPair, JsonNode> check)
    {
        var statuses = await Task.WhenAll(Enumerable.Range(0, Clients).Select(async i =>
        {
            var pair = pairOf(i);
            var response = await server.PostAsync("/v1/compare", new JsonObject
            {
                ["pairs"] = new JsonArray(new JsonObject { ["prompt"] = pair.Question, ["response_a"] = pair.AnswerA, ["response_b"] = pair.AnswerB }),
            }.ToJsonString());
            if (response.StatusCode == HttpStatusCode.OK) check(pair, (await response.Content.ReadFromJsonAsync<JsonObject>())!["results"]!.AsArray().Single()!);
            else response.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
            return response.StatusCode;
        }));
        return (statuses.Count(status => status == HttpStatusCode.OK), statuses.Count(status => status == HttpStatusCode.TooManyRequests));
    }
}
