using Gram.Models.Native;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Reward.Encoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>What a stage minimises: a mean over all examples (stage 2) or target tokens (stage 1) of an optimiser step.</summary>
internal abstract class TrainingObjective
{
    /// <summary>What an example counts in the mean.</summary>
    public abstract int Weight(TrainingExample example);

    /// <summary>Adds the gradients of scale × (sum of the batch's losses) and returns that sum, unscaled and detached.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">The batch: examples of a row are packed, and see nothing of one another.</param>
    /// <param name="scale">What the losses are multiplied by.</param>
    public abstract Tensor Backward(CausalLM model, IReadOnlyList<TrainingExample[]> rows, double scale);

    /// <summary>The same of a row for each example.</summary>
    public Tensor Backward(CausalLM model, IReadOnlyList<TrainingExample> examples, double scale) => Backward(model, Rows(examples), scale);

    /// <summary>Sum of the batch's losses, and the number of right labels (0 in stage 1).</summary>
    public abstract (double Loss, int Correct) Evaluate(CausalLM model, IReadOnlyList<TrainingExample> examples);

    /// <summary>A row for each example.</summary>
    protected static TrainingExample[][] Rows(IReadOnlyList<TrainingExample> examples) => [.. examples.Select(example => (TrainingExample[])[example])];

    /// <summary>[n, hidden] final hidden states where something is predicted.</summary>
    protected static Tensor Predicting(CausalLM model, TrainingBatch batch)
    {
        using var hidden = batch.Packed is { } packed ? model.Hidden(batch.Tokens, packed) : model.Hidden(batch.Tokens); // [rows, tokens, hidden]
        using var flat = hidden.flatten(0, 1);
        return Aten.Rows(flat, batch.Predicting);
    }
}

/// <summary>Stage 2: the label, from the label rows of the head alone, in float32.</summary>
internal sealed class LabelObjective(IReadOnlyList<int> labelIds, double smoothing) : TrainingObjective
{
    public override int Weight(TrainingExample example) => 1;

    public override Tensor Backward(CausalLM model, IReadOnlyList<TrainingExample[]> rows, double scale)
    {
        using var scope = NewDisposeScope();
        var (_, losses, _) = Losses(model, rows);
        var sum = losses.sum();
        (sum * scale).backward();
        return sum.detach().MoveToOuterDisposeScope();
    }

    public override (double Loss, int Correct) Evaluate(CausalLM model, IReadOnlyList<TrainingExample> examples)
    {
        using var scope = NewDisposeScope();
        var (logits, losses, labels) = Losses(model, Rows(examples));
        return (losses.sum().ToDouble(), (int)logits.argmax(1).eq(labels).sum().ToInt64());
    }

    private (Tensor Logits, Tensor Losses, Tensor Labels) Losses(CausalLM model, IReadOnlyList<TrainingExample[]> rows)
    {
        using var batch = TrainingBatch.OfLabels(rows, model.Device);
        var logits = model.LogitsOf(Predicting(model, batch), labelIds); // [examples, labels]
        var labels = batch.Targets.alias();
        return (logits, GramLoss.PerExample(logits, labels, smoothing), labels);
    }
}

/// <summary>Stage 1: the next token, wherever it is trained; float32 cross-entropies.</summary>
internal sealed class NextTokenObjective : TrainingObjective
{
    public override int Weight(TrainingExample example) => TrainingBatch.TrainedPositions(example).Count();

    public override Tensor Backward(CausalLM model, IReadOnlyList<TrainingExample[]> rows, double scale)
    {
        using var scope = NewDisposeScope();
        if (Loss(model, rows) is not { } sum) return zeros([], dtype: ScalarType.Float32, device: model.Device).MoveToOuterDisposeScope();
        (sum * scale).backward();
        return sum.detach().MoveToOuterDisposeScope();
    }

    public override (double Loss, int Correct) Evaluate(CausalLM model, IReadOnlyList<TrainingExample> examples)
    {
        using var scope = NewDisposeScope();
        return (Loss(model, Rows(examples))?.ToDouble() ?? 0, 0);
    }

    /// <summary>Sum of the cross-entropies; null where nothing is trained.</summary>
    private static Tensor? Loss(CausalLM model, IReadOnlyList<TrainingExample[]> rows)
    {
        using var batch = TrainingBatch.OfTokens(rows, model.Device);
        return batch.Targets.numel() == 0 ? null : -TokenScorer.LogProbs(model, Predicting(model, batch), batch.Targets).sum();
    }
}
