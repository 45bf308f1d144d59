namespace Gram.Reward.Encoding;

/// <summary>One row as the model sees it.</summary>
/// <param name="Ids">Token ids of prompt and target.</param>
/// <param name="Trained">Half-open ranges of positions whose tokens are targets; everything else is masked.</param>
/// <param name="Label">Stage 2: index of the right label in <see cref="ExampleSource.LabelIds"/>; the logits that predict it are at position Trained[0].Start − 1. −1 otherwise.</param>
public sealed record TrainingExample(int[] Ids, (int Start, int End)[] Trained, int Label = -1);
