using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Ppo.Records;
using Gram.Ppo.Rewards;
using Gram.Ppo.Stages;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Parallel;

namespace Gram.Ppo.Tests.Stages;

public sealed class TermScoringTests : IDisposable
{
    private static readonly PolicyPrompt A = new(0, new Prompt("a"), "a", [2]), B = new(1, new Prompt("b"), "b", [3]);
    private static readonly GeneratedSequence Greedy = Sequence(4, 4, 0), Sample = Sequence(5, 0), Cut = Sequence(6, 6, 6);

    private readonly TemporaryDirectory folder = new();
    private readonly Tokenizer tokenizer;

    public TermScoringTests() => tokenizer = Tokenizer.Load(TinyPolicy.Write(folder.Path));

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Score_Rows_AreAskedAsTheJudgeReadsThemAndAsTheyWereDecoded()
    {
        var term = new OwnReward("own", response => response.Tokens);

        var scored = await new TermScoring([term], tokenizer, withReferences: false, SoleProcess.Instance).ScoreAsync(Rollout(new(A, Sample, Greedy, 0), new(B, Cut, Greedy, 1)), Verdicts("d", "eee"), default);

        scored.Single().Rewards.Should().Equal(2, 3);
        scored.Single().OfReferences.Should().BeEmpty();
        term.Asked.Single().Should().Equal(
            new RewardRequest(A.Prompt, "a", "d", "d<|end|>", "def", 2, true),
            new RewardRequest(B.Prompt, "b", "eee", "eee", "def", 3, false));
    }

    /// <summary>ReMax's baseline needs the reference response's own reward: once a query, whatever its samples.</summary>
    [Fact]
    public async Task Score_WithReferences_AsksOnceAQuery()
    {
        var term = new OwnReward("own", response => response.Tokens);

        var scored = await new TermScoring([term], tokenizer, withReferences: true, SoleProcess.Instance).ScoreAsync(
            Rollout(new(A, Sample, Greedy, 0), new(A, Cut, Greedy, 0), new(B, Sample, null, 1)), Verdicts("d", "eee", "d"), default);

        scored.Single().Rewards.Should().Equal(2, 3, 2);
        scored.Single().OfReferences.Should().Equal([3, 3, 4], "a text is counted by the tokenizer, and ends");
        term.Asked.Single().Should().HaveCount(5);
        term.Asked.Single()[3].Should().Be(new RewardRequest(A.Prompt, "a", "def", "cc<|end|>", "def", 3, true, IsReference: true));
    }

    [Fact]
    public async Task Score_TermThatIsWrong_IsNamed()
    {
        await ShouldFail(new OwnReward("wild", response => response.Response == "d" ? 0 : double.NaN), "the reward term wild gave NaN for response 2 of 2: a reward must be finite");
        await ShouldFail(new Silent(), "the reward term silent gave 0 rewards for 2 responses*");
    }

    private async Task ShouldFail(IReward term, string message)
    {
        var score = async () => await new TermScoring([term], tokenizer, withReferences: false, SoleProcess.Instance).ScoreAsync(Rollout(new(A, Sample, null, 0), new(B, Cut, null, 1)), Verdicts("d", "eee"), default);

        await score.Should().ThrowAsync<GramException>().WithMessage(message);
    }

    private static GeneratedSequence Sequence(params int[] tokens) => new(tokens, tokens[^1] == TinyPolicy.End ? ResponseEnd.EndToken : ResponseEnd.Length);

    private static Rollout Rollout(params RolloutRow[] rows) => new(1, rows, 0);

    private static Verdict[] Verdicts(params string[] texts) => [.. texts.Select(text => new Verdict(text, "def", PairScore.Tie, false, 0.5))];

    private sealed class Silent : IReward
    {
        public string Name => "silent";

        public ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default) => new([]);
    }
}
