namespace Gram.Reward.Encoding;

/// <summary>A row as the model sees it in training.</summary>
/// <param name="Ids">Token ids of prompt and target.</param>
/// <param name="Trained">Half-open ranges of trained tokens; the others are masked.</param>
/// <param name="Label">
/// Stage 2: index of the correct label among the labels; its logits are read one position before the first trained token.
/// −1 in stage 1.
/// </param>
public sealed record TrainingExample(int[] Ids, (int Start, int End)[] Trained, int Label = -1)
{
    /// <summary>Number of trained tokens that a position predicts (the first token of a text has none before it).</summary>
    public int TrainedCount => Trained.Sum(range => Math.Max(0, range.End - Math.Max(1, range.Start)));
}
