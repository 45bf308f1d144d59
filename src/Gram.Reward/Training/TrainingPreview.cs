using Gram.Models.Tokenization;
using Gram.Reward.Encoding;
using Gram.Training.Batches;
using Gram.Training.Memory;

namespace Gram.Reward.Training;

/// <summary>A stretch of an example's text.</summary>
/// <param name="IsTrained">Whether its tokens are targets; otherwise they are masked.</param>
/// <param name="Text">What its ids decode to, control tokens included.</param>
public sealed record PreviewPart(bool IsTrained, string Text);

/// <summary>An example as the model will see it.</summary>
/// <param name="Tokens">Tokens.</param>
/// <param name="Trained">Those of them that are targets of the loss: all that are trained, or the label.</param>
/// <param name="Parts">Its text, masked and trained stretches in turn.</param>
public sealed record PreviewExample(int Tokens, int Trained, IReadOnlyList<PreviewPart> Parts);

/// <summary>Lengths of examples, in tokens.</summary>
/// <param name="Shortest">The shortest.</param>
/// <param name="Median">The median.</param>
/// <param name="P95">95 % are at most this long.</param>
/// <param name="Longest">The longest.</param>
/// <param name="Total">All together.</param>
public sealed record PreviewLengths(int Shortest, int Median, int P95, int Longest, long Total);

/// <summary>What a run would do.</summary>
/// <param name="Stage">1 or 2.</param>
/// <param name="Train">Rows to train on.</param>
/// <param name="Eval">Held-out rows and pairs.</param>
/// <param name="Shortened">Examples whose answers were shortened to fit cutoff_len.</param>
/// <param name="Dropped">Rows left out.</param>
/// <param name="Lengths">Lengths of the rows to train on.</param>
/// <param name="PackedRows">Rows that they are packed into; null where each is a row.</param>
/// <param name="Adapter">What is trained of the model, where that is not all of it.</param>
/// <param name="Plan">Steps.</param>
/// <param name="Memory">What it takes.</param>
/// <param name="Problem">Why that does not fit and what to change, or null.</param>
/// <param name="Examples">The first rows.</param>
public sealed record TrainingPreview(
    int Stage, int Train, int Eval, int Shortened, int Dropped, PreviewLengths Lengths, int? PackedRows, string? Adapter, TrainingPlan Plan, MemoryEstimate Memory, string? Problem, IReadOnlyList<PreviewExample> Examples)
{
    private const int Shown = 3;

    internal static TrainingPreview Of(GramTrainingOptions options, TrainingInput input, MemoryEstimate memory, string? problem)
    {
        var (_, examples, rows, plan, _) = input;
        var lengths = examples.Lengths.Order().ToArray();
        return new(
            options.GramLoss ? 2 : 1, examples.Train.Count, examples.Eval.Count + examples.EvalPairs.Count, examples.Shortened, examples.Dropped,
            new(lengths[0], lengths[(lengths.Length - 1) / 2], lengths[(int)Math.Ceiling(0.95 * lengths.Length) - 1], lengths[^1], lengths.Sum(length => (long)length)),
            rows.ArePacked ? rows.Count : null, TrainedModel.Describe(options), plan, memory, problem,
            First(options, input));
    }

    /// <summary>The first rows as the model sees them.</summary>
    internal static IReadOnlyList<PreviewExample> First(GramTrainingOptions options, TrainingInput input) => [.. input.Examples.Train.Take(Shown).Select(example => Example(example, options.GramLoss, input.Tokenizer))];

    private static PreviewExample Example(TrainingExample example, bool labelOnly, Tokenizer tokenizer)
    {
        // In stage 2 what follows the label is written, but has no part in the loss.
        (int Start, int End)[] trained = labelOnly ? [(example.Trained[0].Start, example.Trained[0].Start + 1)] : example.Trained;
        var parts = new List<PreviewPart>();
        var at = 0;
        foreach (var (start, end) in trained)
        {
            Add(false, at, start);
            Add(true, start, end);
            at = end;
        }
        Add(false, at, example.Ids.Length);
        return new(example.Ids.Length, trained.Sum(range => range.End - range.Start), parts);

        void Add(bool isTrained, int start, int end)
        {
            if (end > start) parts.Add(new(isTrained, tokenizer.Decode(example.Ids[start..end], skipSpecialTokens: false)));
        }
    }
}
