using Gram.Models;
using Gram.Ppo.Tests.Support;

namespace Gram.Ppo.Tests.Invariants;

/// <summary>7. A run that was stopped at any step and resumed is one that never stopped, whatever its settings.</summary>
public sealed class RunInvariants
{
    private const int Steps = 5;

    public static TheoryData<int, int> Cases
    {
        get
        {
            var cases = new TheoryData<int, int>();
            for (var number = 0; number < 6; number++)
            {
                cases.Add(number, 0);
                cases.Add(number, 1);
            }
            return cases;
        }
    }

    /// <summary>Half of the cases are interrupted, which writes a checkpoint; half break off, as a killed process does, and go back to the last one.</summary>
    [Theory, MemberData(nameof(Cases))]
    public async Task Resume_AtAnyStep_GivesTheSameBits(int number, int asyncSteps)
    {
        var (random, drawn) = (new RandomSource((ulong)number + 100), new RandomCase(number).Options);
        var (epochs, stop, breaks) = (1 + random.Next(2), 1 + random.Next(Steps - 1), random.Next(2) == 0);
        using var test = new TestRun();
        PpoOptions Options(string output) => test.Options(output) with
        {
            MaxSteps = Steps,
            AsyncSteps = asyncSteps,
            SaveSteps = 1 + (number % 2),
            SaveTotalLimit = 1,
            Advantage = drawn.Advantage,
            NumSamples = drawn.NumSamples,
            ValueModel = drawn.ValueModel,
            Temperature = drawn.Temperature,
            TopK = number % 3 == 0 ? 4 : 0,
            KlIn = drawn.KlIn,
            PpoTarget = 0.5,
            KlHorizon = 100,
            Truncation = drawn.Truncation,
            PpoScoreNorm = drawn.PpoScoreNorm,
            PpoEpochs = epochs,
            LrSchedulerType = Training.Optimisation.LrSchedulerType.Cosine,
            WarmupSteps = 2,
        };
        await test.Run(Options("straight")).RunAsync();

        using var cancel = new CancellationTokenSource();
        test.OnStep = step =>
        {
            if (step.Step == stop && !breaks) cancel.Cancel();
            if (step.Step == stop && breaks) test.Judge.BeforeScoring = () => throw new InvalidOperationException("killed");
        };
        var run = () => test.Run(Options("resumed")).RunAsync(cancel.Token);
        if (breaks) await run.Should().ThrowAsync<InvalidOperationException>();
        else await run.Should().ThrowAsync<OperationCanceledException>();
        (test.OnStep, test.Judge.BeforeScoring) = (null, null);
        await test.Run(Options("resumed") with { ResumeFromCheckpoint = "true" }).RunAsync();

        ResumeTests.ShouldBeTheSame(test);
    }
}
