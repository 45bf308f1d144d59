using Gram.Models.Generation;

namespace Gram.Ppo.Records;

/// <summary>A sampled response: a row of everything that follows.</summary>
/// <param name="Prompt">Its prompt.</param>
/// <param name="Response">Tokens, the decoder's log-probs and, under a filter, kept sets.</param>
/// <param name="Greedy">The current policy's greedy response to the same prompt, where it is the reference.</param>
/// <param name="Query">Place of its query in the step's prompts, which a prompt may have twice: samples of one query share it.</param>
public sealed record RolloutRow(PolicyPrompt Prompt, GeneratedSequence Response, GeneratedSequence? Greedy, int Query);

/// <summary>What generation gives: the responses of one PPO step, in order of length, so that neighbours make a micro-batch.</summary>
/// <param name="Step">1-based PPO step.</param>
/// <param name="Rows">Sampled responses.</param>
/// <param name="GeneratedTokens">Tokens decoded, greedy responses included.</param>
public sealed record Rollout(int Step, IReadOnlyList<RolloutRow> Rows, int GeneratedTokens)
{
    /// <summary>Optimiser steps that made the weights which sampled it.</summary>
    public int OptimizerStep { get; init; }
}
