using System.Text.Json;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Ppo.Tests.Support;
using Gram.Training.Runs;

namespace Gram.Ppo.Tests;

public sealed class PpoRunTests
{
    [Theory]
    [InlineData(Advantage.Gae)]
    [InlineData(Advantage.Remax)]
    public async Task Run_WithARuleForAJudge_LearnsTheRule(Advantage advantage)
    {
        using var test = new TestRun();

        var result = await test.Run(test.Options() with
        {
            Advantage = advantage,
            MaxSteps = 25,
            PerDeviceTrainBatchSize = 16,
            GradientAccumulationSteps = 1,
            PpoBufferSize = 2,
            PpoEpochs = 2,
            LearningRate = 3e-3,
            ValueLearningRate = 3e-3,
            KlCoef = 0.01,
        }).RunAsync();

        result.Gold!.After.Low.Should().BeGreaterThan(result.Gold.Before.High);
        result.WinRate!.Judge.Mean.Should().BeGreaterThan(0.9);
        result.Kl.Should().BeGreaterThan(0);
        result.Examples.Should().HaveCount(3).And.OnlyContain(example => example.After.Contains('a'));
    }
}
