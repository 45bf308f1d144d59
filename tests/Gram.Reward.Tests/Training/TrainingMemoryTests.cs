using Gram.Models;
using Gram.Models.Native;
using Gram.Models.Transformer;
using Gram.Reward.Encoding;
using Gram.Reward.Training;
using Gram.Training.Memory;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Training;

/// <summary>The estimate beside what a step takes. Alone in the process: what another test takes would be measured too.</summary>
[Collection(nameof(TrainingMemoryTests)), CollectionDefinition(nameof(TrainingMemoryTests), DisableParallelization = true)]
public sealed class TrainingMemoryTests : IDisposable
{
    private const int Rows = 16, Tokens = 256;

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_Activations_AreWhatAForwardAndBackwardTake(bool checkpointing)
    {
        Skip.IfNot(ResidentMemory.IsKnown, "the system does not tell how much memory a process holds");
        var path = TinyCheckpoint.Create(directory.File("model"), hiddenSize: 128, layers: 8);
        using var model = CausalLM.Load(path);
        model.SetTrainable(true);
        model.GradientCheckpointing = checkpointing;
        var random = new RandomSource(1);
        TrainingExample[] rows = [.. Enumerable.Range(0, Rows).Select(_ => new TrainingExample([.. Enumerable.Range(0, Tokens).Select(_ => random.Next(256))], [(1, Tokens)]))];
        var objective = new NextTokenObjective();
        objective.Backward(model, rows[..1], 1).Dispose(); // the engine's own memory, and that of the gradients

        var taken = ResidentMemory.Rise(() => objective.Backward(model, rows, 1).Dispose());

        var estimate = MemoryEstimate.Of(path, ScalarType.Float32, Rows, Tokens, checkpointing).Activations;
        taken.Should().BeInRange(0.5 * estimate, 1.1 * estimate);
    }
}
