using Gram.Models;

namespace Gram.Reward.Data;

/// <summary>Prompts for PPO, from any data set: prompt files, pairs, alpaca, sharegpt, ranking sets.</summary>
public static class PromptSource
{
    /// <summary>
    /// Prompts of a data set (a name in dataset_info.json, or a file; several separated by commas), in order; the row's own
    /// answer (chosen, output, the last assistant turn) is the reference.
    /// </summary>
    /// <exception cref="GramException">The data set is unknown, empty or has a bad row.</exception>
    public static IReadOnlyList<Prompt> Load(string dataset, string datasetDir) => throw new NotImplementedException();
}
