using static TorchSharp.torch;

namespace Gram.Ppo.Records;

/// <summary>What the learner learns from: a scored rollout with rewards and advantages.</summary>
public sealed class Experience : IDisposable
{
    /// <summary>Responses, log-probs, values; owned.</summary>
    public required ScoredRollout Scores { get; init; }

    /// <summary>What the judge, and the reward's other terms, say of the responses.</summary>
    public required Judgement Judgement { get; init; }

    /// <summary>Rewards of the responses by row: transformed, before normalisation (truncation's penalty in place).</summary>
    public required IReadOnlyList<double> RawRewards { get; init; }

    /// <summary>Rewards of the responses by row, as trained on.</summary>
    public required IReadOnlyList<double> Rewards { get; init; }

    /// <summary>Mean of each term of the reward over the responses, before its weight.</summary>
    public required IReadOnlyDictionary<string, double> TermMeans { get; init; }

    /// <summary>The KL term's weight in this step.</summary>
    public required double Beta { get; init; }

    /// <summary>Whether the KL term is part of the rewards (kl_in: reward).</summary>
    public required bool KlInReward { get; init; }

    /// <summary>Mean over responses of Σ_t k1, in nats.</summary>
    public required double MeanKl { get; init; }

    /// <summary>[rows, responseTokens] k1 = log π_old − log π_ref; 0 outside the mask.</summary>
    public required Tensor Kl { get; init; }

    /// <summary>[rows, responseTokens] bool: response tokens that are trained on (truncation: mask takes rows out).</summary>
    public required Tensor TrainMask { get; init; }

    /// <summary>[rows, responseTokens] advantages, whitened where the estimator is; 0 outside <see cref="TrainMask"/>.</summary>
    public required Tensor Advantages { get; init; }

    /// <summary>[rows, responseTokens] A + V before whitening; null without a value model.</summary>
    public required Tensor? Returns { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Scores.Dispose();
        Kl.Dispose();
        TrainMask.Dispose();
        Advantages.Dispose();
        Returns?.Dispose();
    }
}
