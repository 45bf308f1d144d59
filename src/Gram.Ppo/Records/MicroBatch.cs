using Gram.Models.Scoring;

namespace Gram.Ppo.Records;

/// <summary>Neighbouring rows of a rollout that go through a forward and backward together.</summary>
/// <param name="Start">First row.</param>
/// <param name="Batch">Prompts and responses, right-padded.</param>
public sealed record MicroBatch(int Start, SequenceBatch Batch)
{
    /// <summary>Rows of the rollout.</summary>
    public int End => Start + Batch.Rows;
}
