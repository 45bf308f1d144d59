using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Judging;
using Gram.Reward.Remote;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;

namespace Gram.Serving.Tests.Remote;

public sealed class ChatJudgeTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Score_Pairs_AreSoftmaxOfTheLabelsInBothOrders()
    {
        await using var server = await ChatServer.StartAsync();
        using var judge = await RemoteJudge.OpenAsync(Options(server));
        AnswerPair[] pairs = [.. AskedPairs.Many(20), AskedPairs.Alike];

        var scores = await judge.ScoreAsync(pairs);

        foreach (var (pair, score) in pairs.Zip(scores))
        {
            score.PAb.Should().BeApproximately(RuleJudge.ScoreOf(pair).PAb, 1e-12);
            score.PBa.Should().BeApproximately(RuleJudge.ScoreOf(pair).PBa, 1e-12);
        }
        server.Requests.Should().HaveCount(40, "equal answers need no request");
        var (body, authorization) = server.Requests[0];
        authorization.Should().Be("Bearer secret");
        body["model"]!.GetValue<string>().Should().Be("gram");
        body["max_tokens"]!.GetValue<int>().Should().Be(1);
        body["logprobs"]!.GetValue<bool>().Should().BeTrue();
        body["top_logprobs"]!.GetValue<int>().Should().Be(20);
        body["chat_template_kwargs"]!["enable_thinking"]!.GetValue<bool>().Should().BeFalse();
        server.MostUnderWay.Should().BeLessThanOrEqualTo(4).And.BeGreaterThan(1);
    }

    [Fact]
    public async Task Score_LabelThatIsMissing_IsAnErrorAndNeverProbabilityZero()
    {
        await using var server = await ChatServer.StartAsync();
        using var judge = await RemoteJudge.OpenAsync(Options(server));
        server.Shown = tokens => [.. tokens.Where(token => token.Token != "B")];

        (await FluentActions.Invoking(async () => await judge.ScoreAsync([AskedPairs.One])).Should().ThrowAsync<GramException>())
            .WithMessage("judge at http://127.0.0.1:*: label \"B\" is not among the 3 likeliest tokens (\"A\", \" The\", \"Both\", …): is gram a GRAM judge*");

        server.Shown = tokens => [.. tokens.Select(token => token.Token == "A" ? token with { LogProb = -9999 } : token)];
        (await FluentActions.Invoking(async () => await judge.ScoreAsync([AskedPairs.One])).Should().ThrowAsync<GramException>()).WithMessage("*label \"A\" is not among*");
    }

    [Fact]
    public async Task Score_OwnPromptAndLabels_AreThoseOfTheConfig()
    {
        var config = new GramConfig { Prompt = "Q: {question}\n1: {answer_a}\n2: {answer_b}\nBest:", Labels = [" 1", " 2"], EnableThinking = null };
        await using var server = await ChatServer.StartAsync(config);
        using var judge = await RemoteJudge.OpenAsync(Options(server) with { Config = config, RequestFields = new JsonObject { ["guided_choice"] = new JsonArray(" 1", " 2") } });

        var score = (await judge.ScoreAsync([AskedPairs.One]))[0];

        score.PAb.Should().BeApproximately(RuleJudge.ScoreOf(AskedPairs.One).PAb, 1e-12);
        server.Requests.Select(request => request.Body["messages"]![0]!["content"]!.GetValue<string>()).Should().BeEquivalentTo("Q: Why?\n1: So.\n2: No.\nBest:", "Q: Why?\n1: No.\n2: So.\nBest:");
        server.Requests[0].Body["guided_choice"]!.AsArray().Should().HaveCount(2);
        server.Requests[0].Body.ContainsKey("chat_template_kwargs").Should().BeFalse();
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    [InlineData(500)]
    public async Task Score_FailureInPassing_IsTriedAgain(int status)
    {
        await using var server = await ChatServer.StartAsync();
        using var judge = await RemoteJudge.OpenAsync(Options(server));
        server.Instead = number => number <= 3 ? Results.StatusCode(status) : null;

        (await judge.ScoreAsync([AskedPairs.One]))[0].PAb.Should().BeApproximately(RuleJudge.ScoreOf(AskedPairs.One).PAb, 1e-12);

        server.Requests.Should().HaveCount(5, "three refusals and two orders");
    }

    [Theory]
    [InlineData(400, """{"error": {"message": "This model's maximum context length is 10 tokens", "type": "BadRequestError"}}""", "*refuses (400): This model's maximum context length is 10 tokens")]
    [InlineData(401, """{"error": "Unauthorized"}""", "*refuses (401): *; set GRAM_JUDGE_API_KEY to its key")]
    [InlineData(200, "<html>hello</html>", "*with what is no JSON: is the address right?")]
    [InlineData(200, """{"choices": [{"message": {"content": "A"}, "logprobs": null}]}""", "*it gives no top_logprobs of a first token*")]
    [InlineData(200, """{"choices": []}""", "*it gives no top_logprobs of a first token*")]
    public async Task Score_FailureForGood_IsOneLine(int status, string text, string message)
    {
        await using var server = await ChatServer.StartAsync();
        using var judge = await RemoteJudge.OpenAsync(Options(server));
        server.Instead = _ => Results.Text(text, statusCode: status);

        (await FluentActions.Invoking(async () => await judge.ScoreAsync([AskedPairs.One])).Should().ThrowAsync<GramException>()).WithMessage(message).And.Message.Should().NotContain("\n");
    }

    [Fact]
    public async Task Score_FirstFailureForGood_EndsTheOtherRequests()
    {
        await using var server = await ChatServer.StartAsync();
        using var judge = await RemoteJudge.OpenAsync(Options(server) with { Retries = 2 });
        server.Instead = _ => Results.StatusCode(503);

        (await FluentActions.Invoking(async () => await judge.ScoreAsync(AskedPairs.Many(100))).Should().ThrowAsync<GramException>()).WithMessage("judge at http://127.0.0.1:* refuses (503)*");

        server.Requests.Count.Should().BeLessThan(60, "of 200 requests with two retries each four are under way at a time");
    }

    [Fact]
    public async Task Score_NobodyThere_IsOneLine()
    {
        using var judge = await RemoteJudge.OpenAsync(AskedPairs.At(new Uri("http://127.0.0.1:1/v1")) with { Model = "gram", Retries = 1 });

        (await FluentActions.Invoking(async () => await judge.ScoreAsync([AskedPairs.One])).Should().ThrowAsync<GramException>()).WithMessage("judge at http://127.0.0.1:1/v1 cannot be reached: *");
    }

    [Fact]
    public async Task Cache_AcrossRuns_AsksForNoPairTwice()
    {
        await using var server = await ChatServer.StartAsync();
        var options = Options(server) with { Cache = folder.File("deep/scores.db") };
        AnswerPair[] pairs = [.. AskedPairs.Many(10), AskedPairs.Many(1)[0]];
        IReadOnlyList<PairScore> before;
        using (var judge = await RemoteJudge.OpenAsync(options))
        {
            before = await judge.ScoreAsync(pairs);
            (judge.Asked, judge.Known).Should().Be((10, 0));
        }
        using (var judge = await RemoteJudge.OpenAsync(options))
        {
            (await judge.ScoreAsync([.. pairs, AskedPairs.One])).Take(11).Should().Equal(before);
            (judge.Asked, judge.Known).Should().Be((1, 10));
        }
        // Another model, another prompt, swapped texts: other keys.
        using (var judge = await RemoteJudge.OpenAsync(options with { Model = "other" })) await judge.ScoreAsync([pairs[0]]);
        using (var judge = await RemoteJudge.OpenAsync(options)) await judge.ScoreAsync([new("Why 0?", "No 0.", "So 0."), new("Why 0?So", " 0.", "No 0."), pairs[0]]);

        server.Requests.Should().HaveCount(2 * (10 + 1 + 1 + 2));
    }

    [Fact]
    public async Task Cache_FileThatIsNone_IsOneLine()
    {
        File.WriteAllText(folder.File("notes.txt"), string.Concat(Enumerable.Repeat("These are notes, and no data base.\n", 100)));
        await using var server = await ChatServer.StartAsync();

        (await FluentActions.Invoking(() => RemoteJudge.OpenAsync(Options(server) with { Cache = folder.File("notes.txt") })).Should().ThrowAsync<GramException>()).WithMessage("*notes.txt cannot be opened as a cache of scores: *");
    }

    [Fact]
    public async Task Cache_WithATableOfOthers_IsOneLine()
    {
        await using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = folder.File("others.db"), Pooling = false }.ToString()))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE scores (player TEXT, points INTEGER)";
            await command.ExecuteNonQueryAsync();
        }
        await using var server = await ChatServer.StartAsync();
        using var judge = await RemoteJudge.OpenAsync(Options(server) with { Cache = folder.File("others.db") });

        (await FluentActions.Invoking(async () => await judge.ScoreAsync([AskedPairs.One])).Should().ThrowAsync<GramException>()).WithMessage("*others.db cannot be read as a cache of scores: *(judge_cache)").And.Message.Should().NotContain("\n");
    }

    private static RemoteJudgeOptions Options(ChatServer server) => AskedPairs.At(server.BaseUrl) with { Model = "gram", ApiKey = "secret", Concurrency = 4 };
}
