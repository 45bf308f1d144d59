using Gram.Host.Bench;
using Gram.Models.Checkpoints;
using TorchSharp;

namespace Gram.Host.Tests.Bench;

public class ModelWorkTests
{
    /// <summary>Hidden 6, heads 4 × 3 with 2 key-value heads, inner 10, two blocks, vocabulary 7.</summary>
    internal static readonly ModelConfig Config = new()
    {
        ModelType = "llama",
        VocabSize = 7,
        HiddenSize = 6,
        IntermediateSize = 10,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 3,
        MaxPositionEmbeddings = 16,
        RmsNormEps = 1e-6,
        RopeTheta = 10_000,
        TieWordEmbeddings = true,
    };

    [Fact]
    public void Forward_CountsWeightsAndAttention()
    {
        var work = new ModelWork(Config);
        // A block: q and o 6×12 each, k and v 6×6 each, three of 6×10.
        work.BlockParameters.Should().Be(2 * (2 * 72 + 2 * 36 + 180));
        work.HeadParameters.Should().Be(42);
        // Two rows of 3 causal tokens attend to 1 + 2 + 3 tokens each; 2 layers, 4 heads of 3.
        work.Forward(6, 2, ModelWork.Causal(2, 3)).Should().Be(2.0 * 792 * 6 + 2.0 * 42 * 2 + 4.0 * 2 * 4 * 3 * 12);
    }

    [Fact]
    public void JudgeWork_CommonBeginnings_CountOnce()
    {
        int[][] prompts = [[1, 2, 3, 4], [1, 2, 5], [1, 2, 3, 6]];
        // Distinct prefixes behind 1 and 12, which all begin with: 123, 1234, 125, 1236 at depths 3, 4, 3, 4.
        JudgeSpeed.Work(Config, prompts).Should().Be(new ModelWork(Config).Forward(4, 0, 3 + 4 + 3 + 4));
    }

    [Fact]
    public void Measurement_Share_IsFloorTimeOverTime()
    {
        var floors = new MachineFloors(100, 300, 40, 44);
        floors.Max(new MachineFloors(90, 310, 50, 40)).Should().Be(new MachineFloors(100, 310, 50, 44));
        var figure = new Measurement(64, "tokens/s", 2, f => 40e9 / (1e9 * f.ReadGbps)).Against("decode", floors);
        figure.Should().Be(new BenchFigure("decode", 32, "tokens/s", 0.5));
        floors.Gemm(torch.ScalarType.BFloat16).Should().Be(300e9);
        (floors with { GemmBf16Gflops = 1 }).Gemm(torch.ScalarType.BFloat16).Should().Be(100e9, "bfloat16 can be multiplied as float32");
    }
}
