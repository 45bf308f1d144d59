using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Transformer;
using Gram.Ppo.Records;

namespace Gram.Ppo.Stages;

/// <summary>1. Generates: samples (and the greedy response, where it is the reference) of each prompt from one prefill.</summary>
/// <param name="policy">The policy.</param>
/// <param name="generator">Over the policy.</param>
/// <param name="options">Sampling, number of samples, reference.</param>
/// <param name="random">The run's sampling generator.</param>
public sealed class RolloutStage(CausalLM policy, SharedGenerator generator, PpoOptions options, RandomSource random)
{
    /// <summary>Samples responses to a step's prompts; rows come back in order of length.</summary>
    public Rollout Generate(PromptBatch batch, CancellationToken cancellationToken)
    {
        var groups = generator.Generate([.. batch.Prompts.Select(prompt => prompt.Tokens)], options.Sampling, options.DecodesGreedy, options.NumSamples, random, options.PerDeviceEvalBatchSize, withLogProbs: true, cancellationToken: cancellationToken);
        // What the kernel copied of the weights (norms, biases) and its own memory serve decoding only, and the update outdates them.
        policy.WeightsChanged();
        var rows = batch.Prompts
            .SelectMany((prompt, query) => groups[query].Samples.Select(sample => new RolloutRow(prompt, sample, groups[query].Greedy, query)))
            .OrderBy(row => row.Prompt.Tokens.Length + row.Response.Tokens.Length)
            .ToArray();
        return new Rollout(batch.Step, rows, groups.Sum(group => (group.Greedy?.Tokens.Length ?? 0) + group.Samples.Sum(sample => sample.Tokens.Length)));
    }
}
