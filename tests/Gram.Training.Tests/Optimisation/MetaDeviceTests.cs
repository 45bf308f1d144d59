using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using Gram.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Tests.Optimisation;

/// <summary>
/// A training step on torch's meta device, whose tensors have shapes but no values: what it computes with is all on the model's
/// device, since sums and products of meta and CPU tensors are refused, and so is the look at a value that would wait for a device.
/// </summary>
public class MetaDeviceTests
{
    [Theory]
    [InlineData("llama", ScalarType.Float32, false)]
    [InlineData("qwen2", ScalarType.Float32, false)]
    [InlineData("qwen3", ScalarType.Float32, false)]
    [InlineData("qwen3", ScalarType.BFloat16, false)]
    [InlineData("qwen3", ScalarType.BFloat16, true)]
    public void Step_OfTheWholeModel_StaysOnItsDevice(string type, ScalarType dtype, bool checkpointing)
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Create(Config(type), new RandomSource(1), dtype, META);
        model.GradientCheckpointing = checkpointing;
        using var optimiser = Step(model);

        optimiser.Masters.Should().HaveCount(model.Weights.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_OfAnAdapter_StaysOnItsDevice(bool checkpointing)
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Create(Config("llama"), new RandomSource(1), device: META);
        using var view = model.WithAdapter(LoraAdapter.Create(new LoraConfig { Rank = 2 }, model, new RandomSource(2)));
        view.GradientCheckpointing = checkpointing;
        using var optimiser = Step(view);

        model.Weights.Values.Should().OnlyContain(weight => ReferenceEquals(weight.grad, null));
    }

    [Fact]
    public void Hidden_OfPaddedRows_StaysOnItsDevice()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Create(Config("llama"), new RandomSource(1), device: META);

        var hidden = model.Hidden(zeros([2, 5], ScalarType.Int64, META), ones([2, 5], ScalarType.Int64, META));

        hidden.device_type.Should().Be(DeviceType.META);
        hidden.shape.Should().Equal(2, 5, model.Config.HiddenSize);
    }

    /// <summary>Forward, loss, backward and AdamW; the caller disposes the optimiser.</summary>
    private static AdamW Step(CausalLM model)
    {
        model.SetTrainable(true);
        var optimiser = new AdamW(model.Parameters, new AdamWOptions { WeightDecay = 0.1, MaxGradNorm = 1 });
        int[][] kept = [[5, 6], [6, 7]];
        using var batch = new SequenceBatch([[1, 2, 3], [4, 5]], [[6, 7], [8]], padToken: 0, kept: [kept, null], device: META);

        using var scores = TokenScorer.Score(model, batch, temperature: 0.7, withEntropyGradient: true);
        (scores.LogProbs.mean() + scores.Entropy.mean()).neg().backward();

        scores.LogProbs.shape.Should().Equal(2, 2);
        foreach (var (name, weight) in model.Parameters)
        {
            weight.grad!.device_type.Should().Be(DeviceType.META, name);
            weight.grad!.shape.Should().Equal(weight.shape, name);
        }
        optimiser.Accumulate();
        optimiser.Step(1e-3, gradNorm: 2); // the norm itself is a value: asking for it is the one wait of a step
        optimiser.Masters.Values.Should().OnlyContain(master => master.device_type == DeviceType.META && master.dtype == ScalarType.Float32);
        model.Parameters.Values.Should().OnlyContain(weight => ReferenceEquals(weight.grad, null));
        return optimiser;
    }

    private static ModelConfig Config(string type) => new()
    {
        ModelType = type,
        VocabSize = 40,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 8,
        MaxPositionEmbeddings = 64,
        RmsNormEps = 1e-5,
        RopeTheta = 10_000,
        RopeScaling = new(8, 1, 4, 16),
        TieWordEmbeddings = type != "llama",
        AttentionBias = type == "qwen2",
    };
}
