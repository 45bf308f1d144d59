using Gram.Models.Scoring;
using Gram.Training.Optimisation;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>The two halves of a training step.</summary>
internal static class TrainingSpeed
{
    /// <summary>Forward and backward of the next-token loss on every position, in tokens a second; the floor is the arithmetic of three forwards.</summary>
    public static Measurement Gradients(BenchSubject subject, int rows, int tokens)
    {
        var model = subject.Model;
        using var batch = new SequenceBatch(
            [.. Enumerable.Range(0, rows).Select(row => subject.Tokens(1, row))],
            [.. Enumerable.Range(0, rows).Select(row => subject.Tokens(tokens - 1, row + rows))], padToken: 0, device: model.Device);
        model.SetTrainable(true);
        var seconds = subject.BestOf(3, () =>
        {
            using var step = NewDisposeScope();
            TokenScorer.Score(model, batch, temperature: 1).LogProbs.mean().neg().backward();
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
        });
        model.SetTrainable(false);
        var work = 3 * new ModelWork(model.Config).Forward(rows * tokens, rows * (tokens - 1), ModelWork.Causal(rows, tokens));
        return new Measurement(rows * tokens, "tokens/s", seconds, floors => work / floors.Gemm(model.DType));
    }

    /// <summary>One optimiser step on float32 weights. It must read weights, gradients and both moments, and write all but the gradients: 28 bytes a parameter.</summary>
    public static Measurement Optimizer(BenchSubject subject)
    {
        var model = subject.Model;
        using var scope = NewDisposeScope();
        using var optimizer = new AdamW(model.Parameters, new AdamWOptions { MaxGradNorm = 0 });
        var seconds = subject.Best(5, () =>
        {
            foreach (var parameter in model.Parameters.Values) parameter.grad = ones_like(parameter) * 1e-3;
            optimizer.Accumulate();
            return BenchSubject.Seconds(model.Device, () => optimizer.Step(0));
        });
        var parameters = model.Parameters.Values.Sum(parameter => parameter.numel());
        return new Measurement(1, "steps/s", seconds, floors => 28.0 * parameters / (1e9 * floors.CopyGbps));
    }
}
