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
        var work = new PpoStepWork(Config, rows: 1, prompt: 2, response: 3, decodeBytes: 4e3, parameters: 500, valueParameters: 400);
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

        new PpoStepWork(Config, 1, 2, 3, decodeBytes: 1e6, 500, 400).Terms("generate", floors, torch.ScalarType.Float32, [])[1].FloorSeconds
            .Should().BeApproximately(2 * 1e6 / 2e9, 1e-12, "reading takes longer than so little arithmetic");

        IEnumerable<(string, double)> Terms(string stage) => work.Terms(stage, floors, torch.ScalarType.Float32, [[1, 2], [1, 3]]).Select(term => (term.Name, Math.Round(term.FloorSeconds, 15)));
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
