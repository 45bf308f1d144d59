using static TorchSharp.torch;

namespace Gram.Ppo.Records;

/// <summary>What token scoring adds: log-probs and values of every response token, before the first update.</summary>
public sealed class ScoredRollout : IDisposable
{
    /// <summary>The responses.</summary>
    public required Rollout Rollout { get; init; }

    /// <summary>The rows in micro-batches, the same ones that the update uses.</summary>
    public required IReadOnlyList<MicroBatch> MicroBatches { get; init; }

    /// <summary>[rows, responseTokens] bool, true on response tokens.</summary>
    public required Tensor Mask { get; init; }

    /// <summary>[rows, responseTokens] log-probs under the rollout policy, by the learner's forward.</summary>
    public required Tensor OldLogProbs { get; init; }

    /// <summary>[rows, responseTokens] log-probs under the reference policy.</summary>
    public required Tensor RefLogProbs { get; init; }

    /// <summary>[rows, responseTokens] V before each token; null without a value model.</summary>
    public required Tensor? Values { get; init; }

    /// <summary>Mean and largest |decoder's log-prob − learner's|.</summary>
    public required (double Mean, double Max) LogProbGap { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var micro in MicroBatches) micro.Batch.Dispose();
        Mask.Dispose();
        OldLogProbs.Dispose();
        RefLogProbs.Dispose();
        Values?.Dispose();
    }
}
