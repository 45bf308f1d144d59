namespace Gram.Ppo.Records;

/// <summary>What an update did: the experience it came from, and means over the trained tokens of all its mini-batches.</summary>
public sealed class Update : IDisposable
{
    /// <summary>What was learnt from; owned.</summary>
    public required Experience Experience { get; init; }

    /// <summary>Sums and means over trained tokens.</summary>
    public required UpdateStatistics Statistics { get; init; }

    /// <summary>The policy's rate at the last optimiser step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>The policy's gradient norm before clipping, mean over optimiser steps.</summary>
    public required double GradNorm { get; init; }

    /// <summary>Optimiser steps between the weights that made the rollout and those that learnt from it first: 0 on-policy.</summary>
    public required int PolicyLag { get; init; }

    /// <summary>Mini-batches skipped because something was not finite.</summary>
    public required int Skipped { get; init; }

    /// <summary>Tokens that went through the learner, prompts included, once each epoch.</summary>
    public required long SequenceTokens { get; init; }

    /// <inheritdoc/>
    public void Dispose() => Experience.Dispose();
}
