using Gram.Models.Transformer.Lora;
using Gram.Training.Memory;
using static TorchSharp.torch;

namespace Gram.Training.Tests.Memory;

public sealed class MemoryEstimateTests : IDisposable
{
    // Embedding 259 × 32; a block: two norms of 32, q 32 × 32, k and v 16 × 32, o 32 × 32, two norms of 8, three products of 64 × 32; the last norm.
    private const long Parameters = (259 * 32) + (2 * ((2 * 32) + (2 * 32 * 32) + (2 * 16 * 32) + (2 * 8) + (3 * 64 * 32))) + 32;
    private const long Embedding = 259 * 32;

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Of_Float32_HasOneCopyOfTheWeights()
    {
        var memory = MemoryEstimate.Of(TinyCheckpoint.Create(directory.File("model")), ScalarType.Float32, rows: 2, tokens: 10, checkpointing: false);

        memory.Weights.Should().Be(4 * Parameters);
        memory.Moments.Should().Be(8 * Parameters);
        memory.Gradients.Should().Be(4 * (Parameters + Embedding));
        memory.Total.Should().Be(memory.Weights + memory.Moments + memory.Gradients + memory.Activations);
    }

    [Fact]
    public void Of_BFloat16_HasMastersAndACopyAndSumsBesideGradients()
    {
        var memory = MemoryEstimate.Of(TinyCheckpoint.Create(directory.File("model")), ScalarType.BFloat16, rows: 2, tokens: 10, checkpointing: false);

        memory.Weights.Should().Be(6 * Parameters);
        memory.Moments.Should().Be(8 * Parameters);
        memory.Gradients.Should().Be((6 * Parameters) + (2 * Embedding));
    }

    [Fact]
    public void Of_EightBitMoments_TakesTwoBytesAndTwoScalesABlock()
    {
        // With 64 wide: the three products of 128 × 64 of each of 2 blocks, and q and o of 64 × 64, have 4096 numbers or more.
        const long large = 2 * ((3 * 128 * 64) + (2 * 64 * 64));
        var model = TinyCheckpoint.Create(directory.File("model"), hiddenSize: 64);

        var (whole, eightBit) = (MemoryEstimate.Of(model, ScalarType.Float32, 1, 1, false), MemoryEstimate.Of(model, ScalarType.Float32, 1, 1, false, eightBit: true));

        (whole.Moments - eightBit.Moments).Should().Be((8 * large) - (2 * large) - (2 * 4 * large / 256));
    }

    [Fact]
    public void Of_Activations_GrowWithTokensAndShrinkWithCheckpointing()
    {
        var model = TinyCheckpoint.Create(directory.File("model"), layers: 16);

        (Activations(3) - Activations(2)).Should().Be(Activations(2) - Activations(1), "each row takes the same");
        var room = Activations(0);
        (Activations(8, checkpointing: true) - room).Should().BeLessThan((Activations(8) - room) / 2);

        long Activations(int rows, bool checkpointing = false) => MemoryEstimate.Of(model, ScalarType.Float32, rows, tokens: 1000, checkpointing).Activations;
    }

    [Theory]
    [InlineData(ScalarType.Float32, 4)]
    [InlineData(ScalarType.BFloat16, 2)]
    public void Of_AnAdapter_HasMomentsAndGradientsOfItsOwnSizeAlone(ScalarType dtype, int size)
    {
        // Factors of rank 3 on q [32, 32] and v [16, 32] in two blocks; the last norm is trained whole.
        const long factors = 2 * ((3 * (32 + 32)) + (3 * (32 + 16))), norm = 32;
        var lora = new LoraConfig { Rank = 3, TargetModules = new(["q_proj", "v_proj"]), ModulesToSave = ["model.norm"] };
        var model = TinyCheckpoint.Create(directory.File("model"));

        var memory = MemoryEstimate.Of(model, dtype, rows: 2, tokens: 10, checkpointing: false, lora: lora);

        memory.Weights.Should().Be((size * Parameters) + (4 * factors) + (norm * (size == 4 ? 4 : 2 + 4)));
        memory.Moments.Should().Be(8 * (factors + norm));
        memory.Gradients.Should().Be((4 * (factors + norm)) + (size == 4 ? 0 : 2 * norm));
        memory.Activations.Should().BeGreaterThan(MemoryEstimate.Of(model, dtype, rows: 2, tokens: 10, checkpointing: false).Activations);
    }

    [Theory]
    [InlineData(1_500_000, "2 MB")]
    [InlineData(2_340_000_000, "2.3 GB")]
    public void Text_Bytes_AreRounded(long bytes, string text) => MemorySize.Text(bytes).Should().Be(text);

    [Fact]
    public void Bytes_OfThisMachine_ArePlausible() => FreeMemory.Bytes().Should().BeInRange(1 << 20, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
}
