using Gram.Models.Transformer;
using Gram.Reward.Encoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>Right-padded rows with the positions that predict something: causality hides the padding, so there is no mask.</summary>
internal sealed class TrainingBatch : IDisposable
{
    /// <summary>Lays out rows of examples.</summary>
    /// <param name="rows">The examples of each row, one after another.</param>
    /// <param name="length">How many of an example's tokens there are.</param>
    /// <param name="targets">What is predicted of an example, and the position that it is predicted for.</param>
    /// <param name="device">Where the tensors are.</param>
    private TrainingBatch(IReadOnlyList<TrainingExample[]> rows, Func<TrainingExample, int> length, Func<TrainingExample, IEnumerable<(int Position, int Target)>> targets, Device device)
    {
        var width = rows.Max(row => row.Sum(length));
        var tokens = new long[rows.Count * width]; // any id does for padding
        List<long> predicting = [], predicted = [];
        for (var row = 0; row < rows.Count; row++)
        {
            var first = row * width;
            foreach (var example in rows[row])
            {
                for (var t = 0; t < length(example); t++) tokens[first + t] = example.Ids[t];
                foreach (var (position, target) in targets(example))
                {
                    predicting.Add(first + position - 1);
                    predicted.Add(target);
                }
                first += length(example);
            }
        }
        Tokens = tensor(tokens, [rows.Count, width], device: device).DetachFromDisposeScope();
        Predicting = tensor(predicting.ToArray(), device: device).DetachFromDisposeScope();
        Targets = tensor(predicted.ToArray(), device: device).DetachFromDisposeScope();
        if (rows.Any(row => row.Length > 1)) Packed = new([.. rows.Select(row => Array.ConvertAll(row, example => length(example)))], width);
    }

    /// <summary>[rows, tokens] int64.</summary>
    public Tensor Tokens { get; }

    /// <summary>[n] int64 flat indices, row × tokens + position, of the positions that predict a target.</summary>
    public Tensor Predicting { get; }

    /// <summary>[n] int64 what each of them predicts: a token id (stage 1) or a label's index (stage 2).</summary>
    public Tensor Targets { get; }

    /// <summary>Where the examples of rows lie that hold several; null where none does.</summary>
    public PackedRows? Packed { get; }

    /// <summary>Stage 1: every trained token but an example's first, which nothing predicts.</summary>
    public static TrainingBatch OfTokens(IReadOnlyList<TrainingExample[]> rows, Device device) => new(
        rows, example => example.Ids.Length, example => TrainedPositions(example).Select(position => (position, example.Ids[position])), device);

    /// <summary>Stage 2: the label of each example. What follows the label has no part in the loss and is left out.</summary>
    public static TrainingBatch OfLabels(IReadOnlyList<TrainingExample[]> rows, Device device) => new(
        rows, example => example.Trained[0].Start, example => [(example.Trained[0].Start, example.Label)], device);

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
