using Gram.Pipes.Events;
using Gram.Reward.Training;

namespace Gram.Reward.Tests.Training;

/// <summary>Runs whose rows hold several examples.</summary>
public sealed class PackedTrainingTests : TrainerTests
{
    private const int RowTokens = 160;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_AllExamplesInAStep_TakesThePlainRunsSteps(bool stage2)
    {
        var options = Stage2("plain") with { GramLoss = stage2, Template = stage2 ? "none" : "chatml", MaxSteps = 4, PerDeviceTrainBatchSize = 24, GradientAccumulationSteps = 1, CutoffLen = RowTokens };
        await Run(options);
        var plain = logged.ToArray();
        logged.Clear();

        var packed = await Run(options with { OutputDir = directory.File("packed"), Packing = true });

        packed.Steps.Should().Be(4);
        foreach (var (ours, expected) in logged.Zip(plain))
        {
            ours.Metrics["loss"].Should().BeApproximately(expected.Metrics["loss"], 1e-5 * expected.Metrics["loss"]);
            ours.Metrics["grad_norm"].Should().BeApproximately(expected.Metrics["grad_norm"], 1e-4 * expected.Metrics["grad_norm"]);
        }
    }

    [Fact]
    public void Preview_NeatPacking_CountsRowsAndTheirSteps()
    {
        var options = Stage2("run") with { CutoffLen = RowTokens, PerDeviceTrainBatchSize = 1, GradientAccumulationSteps = 2 };

        var preview = new GramTrainer(options with { NeatPacking = true }, steps, notices).Preview();

        var perRow = (RowTokens - 1) / preview.Lengths.Longest;
        preview.PackedRows.Should().BeInRange((int)Math.Ceiling(preview.Lengths.Total / (double)(RowTokens - 1)), (24 + perRow - 1) / perRow);
        preview.Train.Should().Be(24);
        preview.Plan.StepsPerEpoch.Should().Be((preview.PackedRows!.Value + 1) / 2);
        new GramTrainer(options, steps, notices).Preview().PackedRows.Should().BeNull();
    }

    [Fact]
    public async Task Run_InterruptedAndResumed_IsBitForBitTheRunThatWasNot()
    {
        var options = Stage2("whole") with { Packing = true, GroupByLength = true, CutoffLen = RowTokens, PerDeviceTrainBatchSize = 2, GradientAccumulationSteps = 1, MaxSteps = 6, SaveSteps = 100 };
        var whole = await Run(options);
        using CancellationTokenSource interrupt = new();
        using (steps.Subscribe(step =>
        {
            if (step.Step == 3) interrupt.Cancel();
        }))
        {
            await FluentActions.Awaiting(() => Run(options with { OutputDir = directory.File("parts") }, cancellationToken: interrupt.Token)).Should().ThrowAsync<OperationCanceledException>();
        }

        var resumed = await Run(options with { OutputDir = directory.File("parts"), ResumeFromCheckpoint = "true" });

        foreach (var file in (string[])["model.safetensors", "trainer_log.jsonl"]) File.ReadAllBytes(Path.Combine(resumed.Model, file)).Should().Equal(File.ReadAllBytes(Path.Combine(whole.Model, file)), file);
    }

    [Fact]
    public async Task Run_PackingThatIsNotNeat_SaysThatExamplesStayApart()
    {
        List<string> said = [];
        using var subscription = notices.Subscribe(notice => said.Add(notice.Text));

        await Run(Stage2("run") with { Packing = true, NeatPacking = false, MaxSteps = 1, CutoffLen = RowTokens });

        said.Should().Contain(text => text.Contains("no example sees another", StringComparison.Ordinal)).And.Contain(text => text.Contains("24 examples packed into ", StringComparison.Ordinal));
    }
}
