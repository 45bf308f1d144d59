using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Training.Optimisation;

namespace Gram.Ppo.Runs;

/// <summary>A copy of what a run's models and optimisers save in a checkpoint.</summary>
/// <param name="policy">The policy: its shape and dtype, its weights are the copy's.</param>
/// <param name="tokenizer">The policy's.</param>
/// <param name="optimizer">Copy of the policy's optimiser; owned.</param>
/// <param name="valueOptimizer">Copy of the value model's, where there is one; owned.</param>
/// <param name="maxShardSize">Largest file of the policy's weights.</param>
internal sealed class ModelSnapshot(CausalLM policy, Tokenizer tokenizer, OptimizerSnapshot optimizer, OptimizerSnapshot? valueOptimizer, string maxShardSize) : IDisposable
{
    /// <summary>Writes the policy and the optimisers as <see cref="RunModels"/> does.</summary>
    public void Save(string directory)
    {
        policy.Save(directory, tokenizer, optimizer.Masters, policy.DType, maxShardSize);
        optimizer.Save(directory, RunModels.PolicyOptimizer);
        valueOptimizer?.Save(directory, RunModels.ValueOptimizer);
    }

    public void Dispose()
    {
        optimizer.Dispose();
        valueOptimizer?.Dispose();
    }
}
