using Gram.Ppo.Mathematics;
using Gram.Ppo.Tests.Support;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Stages;

public sealed class TokenScoringStageTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly StageWorld world = new();

    public void Dispose()
    {
        world.Dispose();
        scope.Dispose();
    }

    /// <summary>Fails where padding is told by its id: the end token is the padding here, and would be masked.</summary>
    [Fact]
    public void Score_EndTokenThatIsAlsoThePadding_IsScored()
    {
        using var scored = world.Score(StageWorld.Judge(StageWorld.Rows, 0.5, 0.5, 0.5, 0.5), StageWorld.Options);

        scored.Mask.sum(1).data<long>().Should().Equal(2, 3, 4, 6);
        scored.OldLogProbs[0, 1].Value().Should().BeLessThan(0, "the end token of the first response has a log-prob");
    }

    /// <summary>Fails where padding shifts positions, or where a predicting position is counted from the end of the batch.</summary>
    [Fact]
    public void Score_OneRowAloneOrAmongOthers_IsTheSame()
    {
        using var together = world.Score(StageWorld.Judge(StageWorld.Rows, 0.5, 0.5, 0.5, 0.5), StageWorld.Options with { PerDeviceTrainBatchSize = 4 });

        for (var row = 0; row < StageWorld.Rows.Count; row++)
        {
            using var alone = world.Score(StageWorld.Judge([StageWorld.Rows[row]], 0.5), StageWorld.Options);
            var length = StageWorld.Rows[row].Response.Tokens.Length;
            together.OldLogProbs[row, ..length].ShouldBeNear(alone.OldLogProbs[0], 1e-5);
            together.RefLogProbs[row, ..length].ShouldBeNear(alone.RefLogProbs[0], 1e-5);
            together.Values![row, ..length].ShouldBeNear(alone.Values![0], 1e-5);
        }
    }

    [Fact]
    public void Score_TokensAfterTheEnd_InfluenceNothing()
    {
        var judgement = StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4);
        using var one = world.Credit(judgement, StageWorld.Options, padToken: 0);
        using var other = world.Credit(judgement, StageWorld.Options, padToken: 7);

        other.Scores.OldLogProbs.ShouldBeNear(one.Scores.OldLogProbs, 0);
        other.Scores.Values!.ShouldBeNear(one.Scores.Values!, 0);
        other.Advantages.ShouldBeNear(one.Advantages, 0);
        other.Returns!.ShouldBeNear(one.Returns!, 0);
    }

    [Fact]
    public void Score_PolicyAgainstItself_HasKlExactlyZero()
    {
        using var copy = world.Policy.Clone();
        var stage = new Ppo.Stages.TokenScoringStage(world.Policy, copy, null, StageWorld.Options with { Temperature = 0.7 }, TinyPolicy.End, SoleProcess.Instance);

        using var scored = stage.Score(StageWorld.Judge(StageWorld.Rows, 0.5, 0.5, 0.5, 0.5).Rollout);

        Kl.K1(scored.OldLogProbs, scored.RefLogProbs).ShouldBeNear(zeros_like(scored.OldLogProbs), 0);
    }

    /// <summary>Fails where log-probs ignore the temperature that sampled.</summary>
    [Fact]
    public void Score_Temperature_IsTheDistributionThatSampled()
    {
        // Lower temperatures sharpen: a token that is likelier than all others gains.
        var row = StageWorld.Rows[0];
        using var warm = world.Score(StageWorld.Judge([row], 0.5), StageWorld.Options);
        using var cold = world.Score(StageWorld.Judge([row], 0.5), StageWorld.Options with { Temperature = 0.5 });
        using var hidden = world.Policy.Hidden(tensor(new long[] { 2, 3, 4 }).unsqueeze(0));
        var logits = world.Policy.Logits(hidden)[0];

        warm.OldLogProbs[0].ShouldBeNear(stack([logits[1].log_softmax(0)[4], logits[2].log_softmax(0)[0]]), 1e-5);
        cold.OldLogProbs[0].ShouldBeNear(stack([(logits[1] * 2).log_softmax(0)[4], (logits[2] * 2).log_softmax(0)[0]]), 1e-5);
    }

    [Fact]
    public void ScoreAndCredit_EveryTensor_IsOwnedByItsRecord()
    {
        void Step() => world.Credit(StageWorld.Judge(StageWorld.Rows, 0.9, 0.1, 0.6, 0.4), StageWorld.Options).Dispose();
        Step(); // The models' rotary tables are made at their first use.
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Step();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }
}
