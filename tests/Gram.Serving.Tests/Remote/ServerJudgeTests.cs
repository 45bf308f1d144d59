using System.Security.Cryptography;
using System.Text;
using Gram.Models;
using Gram.Pipes;
using Gram.Reward.Judging;
using Gram.Reward.Remote;
using Gram.Reward.Serving;
using Gram.Serving.Keys;

namespace Gram.Serving.Tests.Remote;

public sealed class ServerJudgeTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Score_ByThisProjectsServer_IsWhatItsJudgeSays()
    {
        var config = new GramConfig { Prompt = "Q: {question}\n1: {answer_a}\n2: {answer_b}\nBest:", Labels = [" 1", " 2"], TurnFormat = "[{role}] {content}" };
        await using var server = await TestServer.StartAsync(() => new LoadedJudge(new RuleJudge(), config));
        using var judge = await RemoteJudge.OpenAsync(Options(server));
        AnswerPair[] pairs = [.. AskedPairs.Many(100), AskedPairs.Alike];

        (await judge.ScoreAsync(pairs)).Should().Equal(pairs.Select(RuleJudge.ScoreOf), "JSON keeps every bit of a double");

        (judge.Config.Prompt, judge.Config.TurnFormat).Should().Be((config.Prompt, config.TurnFormat));
        judge.Config.Labels.Should().Equal(config.Labels);
    }

    [Fact]
    public async Task Score_ServerWithAFullQueue_IsAskedAgain()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge(), batches: new BatchOptions { MaxItems = 1, MaxWaiting = 70, Gather = TimeSpan.FromMilliseconds(5) });
        using var judge = await RemoteJudge.OpenAsync(Options(server) with { Concurrency = 4, Retries = 20 });
        var pairs = AskedPairs.Many(128);

        (await judge.ScoreAsync(pairs)).Should().Equal(pairs.Select(RuleJudge.ScoreOf));
    }

    [Fact]
    public async Task Open_ServerThatWantsAKey_NeedsIt()
    {
        File.WriteAllText(folder.File("keys"), $"ppo {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("secret")))}\n");
        await using var server = await TestServer.StartAsync(new RuleJudge(), keys: ApiKeys.Read(folder.File("keys")));

        using var judge = await RemoteJudge.OpenAsync(Options(server) with { ApiKey = "secret" });
        (await judge.ScoreAsync([AskedPairs.One])).Should().Equal(RuleJudge.ScoreOf(AskedPairs.One));

        (await FluentActions.Invoking(() => RemoteJudge.OpenAsync(Options(server) with { ApiKey = null })).Should().ThrowAsync<GramException>()).WithMessage("judge at http://127.0.0.1:*/ refuses (401): a key is needed*; set GRAM_JUDGE_API_KEY to its key");
    }

    [Fact]
    public async Task Open_AddressThatHoldsTheKey_IsRefusedWithoutShowingIt() =>
        (await FluentActions.Invoking(() => RemoteJudge.OpenAsync(new RemoteJudgeOptions { BaseUrl = new Uri("http://ppo:secret@127.0.0.1:1") })).Should().ThrowAsync<GramException>()).WithMessage("base_url: * set GRAM_JUDGE_API_KEY to the key*").And.Message.Should().NotContain("secret");

    [Fact]
    public async Task Cache_AfterTheServersJudgeChanged_IsAskedAnew()
    {
        var judges = new Queue<LoadedJudge>([new(new RuleJudge(), GramConfig.Published) { Fingerprint = "first" }, new(new RuleJudge(), GramConfig.Published) { Fingerprint = "second" }]);
        await using var server = await TestServer.StartAsync(judges.Dequeue);
        for (var run = 0; run < 3; run++)
        {
            if (run == 2) await server.Judge.ReloadAsync();
            using var judge = await RemoteJudge.OpenAsync(Options(server) with { Cache = folder.File("scores.db") });
            await judge.ScoreAsync([AskedPairs.One]);
            judge.Asked.Should().Be(run == 1 ? 0 : 1);
        }
    }

    [Fact]
    public async Task Open_AnotherKindOfServer_IsOneLine()
    {
        await using var chat = await ChatServer.StartAsync();

        (await FluentActions.Invoking(() => RemoteJudge.OpenAsync(AskedPairs.At(chat.BaseUrl))).Should().ThrowAsync<GramException>()).WithMessage("judge at http://127.0.0.1:*/v1 refuses (404)*");
    }

    private static RemoteJudgeOptions Options(TestServer server) => AskedPairs.At(server.Client.BaseAddress!);
}
