using Gram.Reward.Encoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>Right-padded rows with the positions that predict something: causality hides the padding, so there is no mask.</summary>
internal sealed class TrainingBatch : IDisposable
{
    private TrainingBatch(IReadOnlyList<int[]> rows, IReadOnlyList<(int Row, int Position)> predicting, IEnumerable<int> targets, Device device)
    {
        var width = rows.Max(row => row.Length);
        var tokens = new long[rows.Count * width]; // any id does for padding
        for (var i = 0; i < rows.Count; i++)
        {
            for (var t = 0; t < rows[i].Length; t++) tokens[i * width + t] = rows[i][t];
        }
        Tokens = tensor(tokens, [rows.Count, width], device: device).DetachFromDisposeScope();
        Predicting = tensor(predicting.Select(at => (long)at.Row * width + at.Position).ToArray(), device: device).DetachFromDisposeScope();
        Targets = tensor(targets.Select(target => (long)target).ToArray(), device: device).DetachFromDisposeScope();
    }

    /// <summary>[rows, tokens] int64.</summary>
    public Tensor Tokens { get; }

    /// <summary>[n] int64 flat indices, row × tokens + position, of the positions that predict a target.</summary>
    public Tensor Predicting { get; }

    /// <summary>[n] int64 what each of them predicts: a token id (stage 1) or a label's index (stage 2).</summary>
    public Tensor Targets { get; }

    /// <summary>Stage 1: every trained token but a row's first, which nothing predicts.</summary>
    public static TrainingBatch OfTokens(IReadOnlyList<TrainingExample> examples, Device device)
    {
        var trained = Enumerable.Range(0, examples.Count).SelectMany(row => TrainedPositions(examples[row]).Select(position => (Row: row, Position: position))).ToArray();
        return new(
            [.. examples.Select(example => example.Ids)],
            [.. trained.Select(at => (at.Row, at.Position - 1))],
            trained.Select(at => examples[at.Row].Ids[at.Position]),
            device);
    }

    /// <summary>Stage 2: the label of each row. What follows the label has no part in the loss and is left out.</summary>
    public static TrainingBatch OfLabels(IReadOnlyList<TrainingExample> examples, Device device) => new(
        [.. examples.Select(example => example.Ids[..example.Trained[0].Start])],
        [.. examples.Select((example, row) => (row, example.Trained[0].Start - 1))],
        examples.Select(example => example.Label),
        device);

    /// <summary>Positions of an example's trained tokens.</summary>
    public static IEnumerable<int> TrainedPositions(TrainingExample example) =>
        example.Trained.SelectMany(range => Enumerable.Range(range.Start, range.End - range.Start)).Where(position => position > 0);

    public void Dispose()
    {
        Tokens.Dispose();
        Predicting.Dispose();
        Targets.Dispose();
    }
}
