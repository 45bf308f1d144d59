using Gram.Reward.Judging;

namespace Gram.Reward.Encoding;

/// <summary>The data of a run, encoded.</summary>
/// <param name="Train">Rows to train on: in memory, or read from a file as they are asked for.</param>
/// <param name="Lengths">Their tokens.</param>
/// <param name="Eval">Held-out rows.</param>
/// <param name="EvalPairs">Held-out pairs, the preferred answer as A.</param>
/// <param name="Record">What became of all rows.</param>
internal sealed record EncodedData(IReadOnlyList<TrainingExample> Train, IReadOnlyList<int> Lengths, List<TrainingExample> Eval, List<AnswerPair> EvalPairs, RowRecord Record);
