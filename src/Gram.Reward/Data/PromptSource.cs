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
    public static IReadOnlyList<Prompt> Load(string dataset, string datasetDir) => Load(dataset.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), datasetDir);

    /// <summary>Prompts of several data sets, in order.</summary>
    /// <exception cref="GramException">A data set is unknown, has a bad row, or no row with a prompt.</exception>
    public static IReadOnlyList<Prompt> Load(IReadOnlyList<string> datasets, string datasetDir)
    {
        var prompts = new List<Prompt>();
        foreach (var name in datasets)
        {
            var before = prompts.Count;
            prompts.AddRange(DatasetReader.Read(DatasetInfo.Find(name, datasetDir), promptsOnly: true).Select(row => row.Prompt).OfType<Prompt>());
            if (prompts.Count == before) throw new GramException($"data set {name} has no row with a prompt");
        }
        return prompts.Count > 0 ? prompts : throw new GramException("no data set is named: set dataset to a file, or to a name in dataset_info.json");
    }
}
