using Gram.Models;
using Gram.Models.Native;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>The two halves of a training step.</summary>
internal static class TrainingSpeed
{
    /// <summary>Below this, what else the process does would be measured.</summary>
    private const double SmallestBytes = 8e6;

    /// <summary>Forward and backward of the next-token loss on every position, in tokens a second; the floor is the arithmetic of three forwards, with checkpointing too.</summary>
    public static Measurement Gradients(BenchSubject subject, int rows, int tokens, bool checkpointed)
    {
        var model = subject.Model;
        using var batch = Batch(subject, rows, tokens);
        var seconds = 0.0;
        Train(model, checkpointed, () => seconds = subject.BestOf(() =>
        {
            using var step = NewDisposeScope();
            Loss(model, batch).backward();
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
        }));
        var work = 3 * new ModelWork(model.Config).Forward(rows * tokens, rows * (tokens - 1), ModelWork.Causal(rows, tokens));
        return new Measurement(rows * tokens, "tokens/s", seconds, floors => work / floors.Gemm(model.DType));
    }

    /// <summary>Memory that the forward of the same loss leaves held for the backward, as the growth of resident memory; the floor is each block's input.</summary>
    /// <exception cref="GramException">This system does not tell, or the model is too small.</exception>
    public static Measurement Activations(BenchSubject subject, int rows, int tokens, bool checkpointed)
    {
        var model = subject.Model;
        var inputs = (double)model.Config.NumHiddenLayers * rows * tokens * model.Config.HiddenSize * model.Weights.Values.First().element_size();
        if (model.Device.type != DeviceType.CPU || !ResidentMemory.IsKnown) throw new GramException("a process's peak is known on Linux, for models on the CPU");
        if (inputs < SmallestBytes) throw new GramException($"the inputs of the model's blocks have less than {SmallestBytes / 1e6:0} MB");
        using var batch = Batch(subject, rows, tokens);
        var held = 0.0;
        Train(model, checkpointed, () =>
        {
            using (NewDisposeScope()) Loss(model, batch); // buffers of libraries
            using var step = NewDisposeScope();
            var before = ResidentMemory.Now();
            Loss(model, batch);
            held = ResidentMemory.Now() - before;
        });
        return new Measurement(held / 1e6, "MB", Seconds: 1, _ => inputs / held);
    }

    /// <summary>One optimiser step on float32 weights. It must read weights, gradients and both moments, and write all but the gradients: 28 bytes a parameter.</summary>
    public static Measurement Optimizer(BenchSubject subject)
    {
        var model = subject.Model;
        using var scope = NewDisposeScope();
        using var optimizer = new AdamW(model.Parameters, new AdamWOptions { MaxGradNorm = 0 });
        var seconds = subject.Best(() =>
        {
            using var step = NewDisposeScope();
            foreach (var parameter in model.Parameters.Values) parameter.grad = full_like(parameter, 1e-3);
            optimizer.Accumulate();
            return BenchSubject.Seconds(model.Device, () => optimizer.Step(0));
        });
        var parameters = model.Parameters.Values.Sum(parameter => parameter.numel());
        return new Measurement(1, "steps/s", seconds, floors => 28.0 * parameters / (1e9 * floors.CopyGbps));
    }

    private static SequenceBatch Batch(BenchSubject subject, int rows, int tokens) => new(
        [.. Enumerable.Range(0, rows).Select(row => subject.Tokens(1, row))],
        [.. Enumerable.Range(0, rows).Select(row => subject.Tokens(tokens - 1, row + rows))], padToken: 0, device: subject.Model.Device);

    private static void Train(CausalLM model, bool checkpointed, Action action)
    {
        model.SetTrainable(true);
        model.GradientCheckpointing = checkpointed;
        action();
        model.GradientCheckpointing = false;
        model.SetTrainable(false);
    }

    private static Tensor Loss(CausalLM model, SequenceBatch batch) => TokenScorer.Score(model, batch, temperature: 1).LogProbs.mean().neg();
}
