using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;
using Gram.Ppo.Tests.Support;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Invariants;

/// <summary>What holds for every step, whatever its settings and responses. The numbers in the comments are those of docs/ppo.md's list.</summary>
public sealed class StepInvariants : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<int> Cases => RandomCase.Numbers(16);

    public void Dispose() => scope.Dispose();

    /// <summary>1.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Learn_AtRateZero_HasRatioExactlyOne(int number)
    {
        var random = new RandomCase(number);
        using var world = random.NewWorld();
        var options = random.Options with { LearningRate = 0, ValueLearningRate = 0, PpoEpochs = 2 };
        using var learner = world.NewLearner(options);

        using var update = learner.Stage.Learn(world.Credit(random.Judgement, options));

        if (update.Statistics.Tokens == 0) return; // truncation: mask
        update.Statistics.Ratio.Should().Be(1);
        update.Statistics.RatioVariance.Should().Be(0);
        update.Statistics.PolicyClipFraction.Should().Be(0);
    }

    /// <summary>2.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Learn_AnyMicroBatchSize_GivesTheSameLossAndGradient(int number)
    {
        var random = new RandomCase(number);
        // With ε far above every gradient, AdamW's first step is −lr/ε·g: the step shows the gradient.
        var steps = new[] { 1, 2, 4, 8 }.Select(size =>
        {
            using var world = random.NewWorld();
            var options = random.Options with { PerDeviceTrainBatchSize = size, GradientAccumulationSteps = RandomCase.Rows / size, LearningRate = 1, ValueLearningRate = 1, AdamEpsilon = 1000 };
            using var learner = world.NewLearner(options);
            var before = Weights(world);
            using var update = learner.Stage.Learn(world.Credit(random.Judgement, options));
            return (update.Statistics, Gradient: Weights(world).Zip(before, (now, then) => (now - then) * 1000).ToArray());
        }).ToArray();

        if (steps[0].Statistics.Tokens == 0) return; // truncation: mask
        steps[0].Gradient.Max(MathF.Abs).Should().BeGreaterThan(1e-2f);
        foreach (var step in steps[1..])
        {
            step.Statistics.Tokens.Should().Be(steps[0].Statistics.Tokens);
            step.Statistics.PolicyLoss.Should().BeApproximately(steps[0].Statistics.PolicyLoss, 1e-5);
            step.Statistics.ValueLoss.Should().BeApproximately(steps[0].Statistics.ValueLoss, 1e-5);
            step.Gradient.Zip(steps[0].Gradient, (a, b) => MathF.Abs(a - b)).Max().Should().BeLessThan(3e-3f);
        }
    }

    /// <summary>3. Padding is on the right here: a row gets more of it from longer neighbours.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void ScoreAndCredit_OtherRowsInTheBatch_ChangeNothing(int number)
    {
        var random = new RandomCase(number);
        using var world = random.NewWorld();
        int[] order = [.. Enumerable.Range(0, RandomCase.Rows)];
        random.Random.Shuffle(order);
        var shuffled = StageWorld.Judge([.. order.Select(row => random.Responses[row])], [.. order.Select(row => random.Scores[row])]);
        using var one = world.Credit(random.Judgement, random.Options with { PerDeviceTrainBatchSize = 1 });

        using var other = world.Credit(shuffled, random.Options with { PerDeviceTrainBatchSize = 8 });

        for (var place = 0; place < order.Length; place++)
        {
            var row = order[place];
            other.Scores.OldLogProbs[place].ShouldBeNear(one.Scores.OldLogProbs[row], 1e-5);
            other.Scores.RefLogProbs[place].ShouldBeNear(one.Scores.RefLogProbs[row], 1e-5);
            other.Scores.Values?[place].ShouldBeNear(one.Scores.Values![row], 1e-5);
            other.Rewards[place].Should().BeApproximately(one.Rewards[row], 1e-9);
            other.Kl[place].ShouldBeNear(one.Kl[row], 1e-5);
            other.Advantages[place].ShouldBeNear(one.Advantages[row], 1e-3); // whitening divides by a spread that may be small
            other.Returns?[place].ShouldBeNear(one.Returns![row], 1e-4);
        }
    }

    /// <summary>4.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Score_OfTheUntrainedPolicy_HasKlExactlyZero(int number)
    {
        var random = new RandomCase(number);
        using var world = random.NewWorld();
        using var reference = world.Policy.Clone();

        using var scored = new TokenScoringStage(world.Policy, reference, null, random.Options, TinyPolicy.End, SoleProcess.Instance).Score(random.Judgement.Rollout);

        scored.OldLogProbs.ShouldBeNear(scored.RefLogProbs, 0);
    }

    /// <summary>6.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Gae_OfAnyRewards_IsTheQuadraticSumAndWithoutValuesTheRewardToGo(int number)
    {
        var random = new RandomCase(number).Random;
        var (rows, tokens, gamma, lambda) = (1 + random.Next(5), 1 + random.Next(9), random.NextDouble(), random.NextDouble());
        double[,] r = new double[rows, tokens], v = new double[rows, tokens], sums = new double[rows, tokens], toGo = new double[rows, tokens];
        var mask = new bool[rows, tokens];
        for (var i = 0; i < rows; i++)
        {
            var length = random.Next(tokens + 1);
            for (var t = 0; t < tokens; t++) (r[i, t], v[i, t], mask[i, t]) = (random.NextGaussian(), random.NextGaussian(), t < length);
            for (var t = 0; t < length; t++)
            {
                for (var s = t; s < length; s++)
                {
                    sums[i, t] += Math.Pow(gamma * lambda, s - t) * (r[i, s] + (s + 1 < length ? gamma * v[i, s + 1] : 0) - v[i, s]);
                    toGo[i, t] += r[i, s];
                }
            }
        }

        Advantages.Gae(from_array(r), from_array(v), from_array(mask), gamma, lambda).Advantages.ShouldBeNear(from_array(sums), 1e-12);
        Advantages.Gae(from_array(r), zeros(rows, tokens, dtype: float64), from_array(mask), 1, 1).Advantages.ShouldBeNear(from_array(toGo), 1e-12);
    }

    /// <summary>9.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Learn_TokensAfterTheEnd_InfluenceNothing(int number)
    {
        var random = new RandomCase(number);
        var options = random.Options with { LearningRate = 0.01, ValueLearningRate = 0.01 };

        var (one, other) = (Learn(padToken: TinyPolicy.End), Learn(padToken: 7));

        other.Should().Equal(one);

        float[] Learn(int padToken)
        {
            using var world = random.NewWorld();
            using var learner = world.NewLearner(options);
            learner.Stage.Learn(world.Credit(random.Judgement, options, padToken)).Dispose();
            return Weights(world);
        }
    }

    private static float[] Weights(StageWorld world)
    {
        using var noGrad = no_grad();
        return cat([.. world.Policy.Parameters.Values.Concat(world.Value.Parameters.Values).Select(weight => weight.detach().flatten())]).data<float>().ToArray();
    }
}
