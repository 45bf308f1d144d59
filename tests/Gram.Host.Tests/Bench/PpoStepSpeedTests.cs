using System.Text.Json;
using Gram.Host.Bench;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Ppo;
using TorchSharp;

namespace Gram.Host.Tests.Bench;

public sealed class PpoStepSpeedTests
{
    // In its block 72·2 + 36·2 + 180 = 396 numbers multiply, 42 in the head.
    private static readonly ModelConfig Config = ModelWorkTests.Config with { NumHiddenLayers = 1 };

    [Fact]
    public void Options_AreThoseOfTheFixedStep()
    {
        var options = PpoStepSpeed.Options();

        options.Should().Match<PpoOptions>(o => o.RolloutSize == 32 && o.PromptsPerStep == 32 && o.MaxNewTokens == 48 && o.DecodesGreedy && o.NumSamples == 1 && o.PpoEpochs == 1);
        (options.GradientAccumulationSteps, options.PpoBufferSize).Should().Be((4, 1), "one mini-batch of 4 micro-batches");
        options.HasValueWeights.Should().BeTrue();
    }

    [Fact]
    public void Terms_OfASmallStep_AreItsArithmeticAndBytes()
    {
        // One response of 3 tokens to a prompt of 2: 1 GFLOP/s, 2 GB/s of reading and 4 of copying.
        var work = new PpoStepWork(Config, prompts: [2], response: 3, decodeBytes: 4e3, new(Policy: 500, Value: 400, Frozen: false, ValueTrunk: true));
        var floors = new MachineFloors(GemmF32Gflops: 1, GemmBf16Gflops: 1, ReadGbps: 2, CopyGbps: 4);

        // Attention: 4 · 1 layer · 4 heads · 3 numbers for each token attended to.
        Terms("generate").Should().Equal(
            ("prefill", ((2 * 396 * 2) + (2 * 42) + (48 * (1 + 2))) / 1e9),
            // Two steps after the prefill's token, of two rows: 3 and 4 tokens attended to; each is more arithmetic than the 2 µs of reading.
            ("decode", ((2 * 2 * (396 + 42) * 2) + (48 * 2 * (3 + 4))) / 1e9));
        // The last token predicts nothing: 4 tokens, 3 of which predict.
        var policy = ((2 * 396 * 4) + (2 * 42 * 3) + (48 * (1 + 2 + 3 + 4))) / 1e9;
        var value = ((2 * 396 * 4) + (48 * (1 + 2 + 3 + 4))) / 1e9;
        Terms("score").Should().Equal(("policy", policy), ("reference", policy), ("value", value));
        Terms("update").Should().Equal(("policy", 3 * policy), ("value", 3 * value), ("optimizer", 28.0 * 900 / 4e9));
        Terms("advantage").Should().BeEmpty();

        new PpoStepWork(Config, [2], 3, 1e6, new(500, 400, Frozen: false, ValueTrunk: true)).Terms("generate", floors, torch.ScalarType.Float32, [])[1].FloorSeconds
            .Should().BeApproximately(2 * 1e6 / 2e9, 1e-12, "reading takes longer than so little arithmetic");

        IEnumerable<(string, double)> Terms(string stage) => work.Terms(stage, floors, torch.ScalarType.Float32, [[1, 2], [1, 3]]).Select(term => (term.Name, Math.Round(term.FloorSeconds, 15)));
    }

    [Fact]
    public void Terms_OfAFrozenPolicy_HaveNoGradientsOfWeightsAndNoValueTrunk()
    {
        // The step of the test above, with an adapter of 20 numbers and a value head of 11.
        var work = new PpoStepWork(Config, prompts: [2], response: 3, decodeBytes: 4e3, new(Policy: 20, Value: 11, Frozen: true, ValueTrunk: false));
        var floors = new MachineFloors(GemmF32Gflops: 1, GemmBf16Gflops: 1, ReadGbps: 2, CopyGbps: 4);

        var policy = ((2 * 396 * 4) + (2 * 42 * 3) + (48 * (1 + 2 + 3 + 4))) / 1e9;
        Terms("score").Should().Equal(("policy", policy), ("reference", policy));
        // Forward, gradients of activations; and each of the adapter's numbers is multiplied in both, and has a gradient.
        Terms("update").Should().Equal(("policy", 2 * policy), ("adapter", 3 * 2 * 20 * 4 / 1e9), ("optimizer", 28.0 * 31 / 4e9));

        IEnumerable<(string, double)> Terms(string stage) => work.Terms(stage, floors, torch.ScalarType.Float32, [[1, 2], [1, 3]]).Select(term => (term.Name, Math.Round(term.FloorSeconds, 15)));
    }

    [Fact]
    public void Terms_OfPromptsThatDiffer_AreTheSumOfEachAlone()
    {
        var floors = new MachineFloors(GemmF32Gflops: 1, GemmBf16Gflops: 1, ReadGbps: 2, CopyGbps: 4);
        foreach (var stage in (string[])["generate", "score", "update"])
            Of(stage, [2, 5]).Should().BeApproximately(Of(stage, [2]) + Of(stage, [5]), 1e-15, "there is no padding in it");

        // No optimiser, whose bytes come once a step, and no bytes of weights.
        double Of(string stage, int[] prompts) => new PpoStepWork(Config, prompts, 3, 0, new(0, 0, Frozen: false, ValueTrunk: true)).Terms(stage, floors, torch.ScalarType.Float32, []).Sum(term => term.FloorSeconds);
    }

    [Fact]
    public void Kinds_OfMixedAndOneLength_HaveAsManyTokens()
    {
        (PpoStepKind.Mixed.Lengths[0], PpoStepKind.Mixed.Lengths[^1], PpoStepKind.Mixed.Lengths.Count).Should().Be((8, 200, 32));
        PpoStepKind.Mixed.Lengths.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
        PpoStepKind.OneLength.Lengths.Should().HaveCount(32).And.OnlyContain(length => length == 104);
        PpoStepKind.Mixed.Lengths.Sum().Should().Be(PpoStepKind.OneLength.Lengths.Sum());
        (PpoStepKind.Full.Lengths.Count, PpoStepKind.Full.Lengths.Distinct().Single()).Should().Be((32, 32));
    }

    [Fact]
    public void MeasureBeside_TinyModel_SharesTheTimeOfTheOtherKind()
    {
        using var directory = new TemporaryDirectory();
        var checkpoint = TinyCheckpoint.Create(directory.File("model"));
        using var model = CausalLM.Load(checkpoint);

        var figure = PpoStepSpeed.MeasureBeside(new BenchSubject(model, checkpoint, run => run()), PpoStepKind.Lora, beside: PpoStepKind.Full).Against("ppo_step_lora", SpeedBenchTests.Floors);

        figure.Stages!.SelectMany(stage => stage.Terms.Select(term => term.Name)).Should().Equal("prefill", "decode", "prompts", "policy", "reference", "policy", "adapter", "optimizer");
        figure.Beside!.Name.Should().Be("all weights");
        figure.Beside.Stages.SelectMany(stage => stage.Terms.Select(term => term.Name)).Should().Equal("prefill", "decode", "prompts", "policy", "reference", "value", "policy", "value", "optimizer");
        figure.Beside.Cost.Should().BeApproximately(figure.Beside.Value / figure.Value, 1e-9);
        figure.Beside.FloorCost.Should().BeApproximately(figure.Stages!.Sum(stage => stage.FloorSeconds) / figure.Beside.Stages.Sum(stage => stage.FloorSeconds), 1e-9).And.BeInRange(0.2, 1);
        JsonSerializer.SerializeToNode(figure)!["beside"]!.AsObject().Select(key => key.Key).Should().BeEquivalentTo("name", "value", "cost", "floor_cost", "stages");
    }

    [Fact]
    public void Measure_TinyModel_HasEveryStageWithItsTerms()
    {
        using var directory = new TemporaryDirectory();
        var checkpoint = TinyCheckpoint.Create(directory.File("model"));
        using var model = CausalLM.Load(checkpoint);

        var figure = PpoStepSpeed.Measure(new BenchSubject(model, checkpoint, run => run())).Against("ppo_step", SpeedBenchTests.Floors);

        figure.Stages!.Select(stage => stage.Name).Should().Equal("generate", "judge", "score", "advantage", "update");
        figure.Stages!.SelectMany(stage => stage.Terms.Select(term => term.Name)).Should().Equal("prefill", "decode", "prompts", "policy", "reference", "value", "policy", "value", "optimizer");
        figure.Stages!.SelectMany(stage => stage.Terms).Should().OnlyContain(term => term.FloorSeconds > 0);
        figure.Share.Should().BeApproximately(figure.Stages!.Sum(stage => stage.FloorSeconds) / figure.Stages!.Sum(stage => stage.Seconds), 1e-9).And.BeInRange(0, 2);
        figure.Value.Should().BeApproximately(60 / figure.Stages!.Sum(stage => stage.Seconds), 1e-6);
        JsonSerializer.SerializeToNode(figure)!["stages"]![0]!.AsObject().Select(key => key.Key).Should().BeEquivalentTo("name", "seconds", "terms", "floor_seconds", "share");
        Directory.GetFiles(checkpoint).Should().NotContain(file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }
}
