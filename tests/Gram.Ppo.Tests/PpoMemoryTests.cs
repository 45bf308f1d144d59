using Gram.Models;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

public sealed class PpoMemoryTests : IDisposable
{
    // TinyPolicy: embedding 10 × 32; a block: norms of 32, 32, 8 and 8, q and o 32 × 32, k and v 16 × 32, three products of 64 × 32; the last norm.
    private const long Parameters = (10 * 32) + (2 * ((2 * 32) + (2 * 8) + (2 * 32 * 32) + (2 * 16 * 32) + (3 * 64 * 32))) + 32;

    private readonly TestRun test = new();

    public void Dispose() => test.Dispose();

    [Fact]
    public void Of_GaeInFloat32_HasEveryPart()
    {
        var memory = Of(test.Options() with { SaveSteps = 1 });

        memory.Policy.Should().Be(4 * Parameters);
        memory.Reference.Should().Be(4 * Parameters);
        memory.Value.Should().Be(4 * Parameters);
        memory.Judge.Should().Be(777);
        memory.Moments.Should().Be(2 * 8 * Parameters);
        memory.Checkpoint.Should().Be(2 * 12 * Parameters);
        memory.Gradients.Should().Be((2 * 4 * Parameters) + (4 * 10 * 32));
        memory.Total.Should().Be(memory.Policy + memory.Reference + memory.Value + 777 + memory.Moments + memory.Checkpoint + Math.Max(memory.Gradients + memory.Activations, memory.Caches));
        // A greedy answer and a sample of 8 prompts: keys and values of 2 layers × 16 numbers for 16 rows of 5 + 8 tokens, and of 5 prefilled; logits of 10 words.
        memory.Caches.Should().Be((4L * 2 * 2 * 16 * ((16 * 13) + (16 * 5))) + (4 * 10 * (16 + 32)) + (64 << 20));
    }

    [Fact]
    public void Of_OtherSettings_TakesWhatTheyTake()
    {
        var options = test.Options();
        Of(options).Checkpoint.Should().Be(0, "without save_steps");
        Of(options with { SaveSteps = 1, BackgroundSave = false }).Checkpoint.Should().Be(0);
        Of(options with { MaxEvalKl = 1 }).Checkpoint.Should().Be(Of(options with { SaveSteps = 1 }).Checkpoint, "evaluations within it are checkpoints");
        PpoMemory.Of(options with { SaveSteps = 1 }, longestPrompt: 5, heldOut: 6, judge: 0, ScalarType.Float32, META).Checkpoint.Should().Be(0, "a copy of what another device holds is in the machine's memory");
        Of(options with { ValueModel = ValueModelKind.Shared }).Should().Match<PpoMemory>(memory => memory.Value == 0 && memory.Moments == 8 * Parameters);
        Of(options with { Advantage = Advantage.Remax }).Should().Match<PpoMemory>(memory => memory.Value == 0 && memory.Gradients == (4 * Parameters) + (4 * 10 * 32));
        Of(options, ScalarType.BFloat16).Should().Match<PpoMemory>(memory => memory.Policy == 6 * Parameters && memory.Reference == 2 * Parameters && memory.Moments == 16 * Parameters);
        (Of(options with { PerDeviceTrainBatchSize = 8 }).Activations - Of(options with { PerDeviceTrainBatchSize = 7 }).Activations)
            .Should().Be(Of(options with { PerDeviceTrainBatchSize = 2 }).Activations - Of(options with { PerDeviceTrainBatchSize = 1 }).Activations, "each row takes the same");
    }

    /// <summary>The line in docs/ppo.md: 134,515,008 numbers; 38,400 bytes of activations a token and block of 30; 46,080 of keys and values a token.</summary>
    [SkippableFact]
    public void Text_OfSmolLM2_IsWhatTheDocsShow()
    {
        var options = new PpoOptions { ModelNameOrPath = TestModels.SmolLM2(), PerDeviceTrainBatchSize = 8, GradientAccumulationSteps = 4, PpoBufferSize = 1, MaxNewTokens = 48, SaveSteps = 1 };

        PpoMemory.Of(options, longestPrompt: 32, heldOut: 0, judge: (4 * 134_515_008L) + (46_080L * 8192), ScalarType.Float32, CPU).Text().Should().Be(
            "about 9.9 GB (policy 538 MB, reference 538 MB, value model 538 MB, judge with its batch 916 MB, moments 2.2 GB, copy for checkpoints 3.2 GB; updating, gradients 1.2 GB and activations 829 MB; generating, caches 369 MB)");
    }

    [Fact]
    public void Problem_OfARunThatFits_IsNone() => Problem(test.Options(), Of(test.Options()).Total).Should().BeNull();

    [Fact]
    public void Problem_WithoutRoomForTheCopy_SaysSoWithTheFigure()
    {
        var options = test.Options() with { SaveSteps = 1 };

        Problem(options, Of(options).Total - 1).Should().Match("the run needs about * (policy *, reference *, value model *, judge *, moments *, copy for checkpoints *; updating, gradients * and activations *; generating, caches *), and * are free: set background_save: false (* MB); memory_check: false*");
    }

    [Fact]
    public void Problem_OfALargeModel_NamesSettingsThatFitWithTheirFigures()
    {
        // Of made-up sizes, so that every setting saves something: 8 GB of activations a row, halved by checkpointing, and 9 GB of moments and value model.
        static PpoMemory Estimate(PpoOptions options) => new()
        {
            Policy = 1_000_000_000,
            Reference = 1_000_000_000,
            Value = options.HasValueWeights ? 1_000_000_000 : 0,
            Judge = 0,
            Moments = (options.HasValueWeights ? 2 : 1) * (options.HasEightBitMoments ? 1_000_000_000 : 4_000_000_000),
            Checkpoint = 0,
            Gradients = 0,
            Activations = options.PerDeviceTrainBatchSize * (options.GradientCheckpointing ? 4_000_000_000L : 8_000_000_000),
            Caches = options.PerDeviceEvalBatchSize * 100_000_000L,
        };
        var options = test.Options() with { PerDeviceTrainBatchSize = 2, GradientAccumulationSteps = 3 };

        PpoMemory.Problem(options, Estimate, 9_000_000_000).Should().EndWith(
            "and 9.0 GB are free: set per_device_train_batch_size: 1 with gradient_accumulation_steps: 6 (19.0 GB), gradient_checkpointing: true (17.4 GB), per_device_eval_batch_size: 8 (15.0 GB), optim: adamw_8bit (9.0 GB); memory_check: false starts it all the same");
        PpoMemory.Problem(options, Estimate, 7_000_000_000).Should().Contain("optim: adamw_8bit (9.0 GB), value_model: shared (7.0 GB)");
        PpoMemory.Problem(options, Estimate, 6_000_000_000).Should().Contain("value_model: shared (7.0 GB) would still not fit; train a smaller model");
    }

    [Fact]
    public async Task Run_ThatDoesNotFit_IsRefusedBeforeAnythingIsWritten()
    {
        var run = () => test.Run(test.Options(), freeBytes: 1).RunAsync();

        (await run.Should().ThrowAsync<GramException>()).WithMessage("*the run needs about*memory_check: false*");
        Directory.Exists(test.Output("run")).Should().BeFalse();
        await test.Run(test.Options() with { MaxSteps = 1, MemoryCheck = false }, freeBytes: 1).RunAsync();
        test.Notices.Should().Contain(notice => notice.Text.StartsWith("memory: about ", StringComparison.Ordinal));
    }

    private static PpoMemory Of(PpoOptions options, ScalarType dtype = ScalarType.Float32) => PpoMemory.Of(options, longestPrompt: 5, heldOut: 6, judge: 777, dtype, CPU);

    private static string? Problem(PpoOptions options, long free) => PpoMemory.Problem(options, each => Of(each), free);
}
