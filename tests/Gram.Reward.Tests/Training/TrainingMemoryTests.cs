using Gram.Models;
using Gram.Models.Native;
using Gram.Models.Transformer;
using Gram.Reward.Encoding;
using Gram.Reward.Training;
using Gram.Training.Adapters;
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
    public void Of_Activations_AreWhatAForwardAndBackwardTake(bool checkpointing) => Measure(checkpointing, null);

    [SkippableTheory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void Of_ActivationsOfAnAdapter_AreWhatAForwardAndBackwardTake(double dropout) => Measure(checkpointing: false, new LoraOptions { Dropout = dropout });

    private void Measure(bool checkpointing, LoraOptions? lora)
    {
        Skip.IfNot(ResidentMemory.IsKnown, "the system does not tell how much memory a process holds");
        var path = TinyCheckpoint.Create(directory.File("model"), hiddenSize: 128, layers: 8);
        using var whole = CausalLM.Load(path);
        using var view = lora is null ? null : whole.WithAdapter(lora.Over(whole, path, new RandomSource(1)));
        var model = view ?? whole;
        model.SetTrainable(true);
        model.DropoutRandom = new RandomSource(1);
        model.GradientCheckpointing = checkpointing;
        var random = new RandomSource(1);
        TrainingExample[] rows = [.. Enumerable.Range(0, Rows).Select(_ => new TrainingExample([.. Enumerable.Range(0, Tokens).Select(_ => random.Next(256))], [(1, Tokens)]))];
        var objective = new NextTokenObjective();
        objective.Backward(model, rows[..1], 1).Dispose(); // the engine's own memory, and that of the gradients

        var taken = MemoryRise.MostOf(() => objective.Backward(model, rows, 1).Dispose());

        var estimate = MemoryEstimate.Of(path, ScalarType.Float32, Rows, Tokens, checkpointing, lora: lora?.Shape()).Activations;
        taken.Should().BeInRange(0.5 * estimate, 1.1 * estimate);
    }
}
