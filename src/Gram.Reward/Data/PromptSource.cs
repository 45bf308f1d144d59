using Gram.Models;
using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Reward.Data;

/// <summary>Prompts for PPO, from any data set: prompt files, pairs, alpaca, sharegpt, ranking sets.</summary>
public static class PromptSource
{
    /// <summary>
    /// Prompts of a data set (a name in dataset_info.json, or a file), in order; the row's own answer (chosen, output, the
    /// last assistant turn) is the reference.
    /// </summary>
    /// <param name="dataset">The data set.</param>
    /// <param name="datasetDir">Where dataset_info.json is.</param>
    /// <param name="notices">Told of rows without a prompt (wrong roles, an odd count of turns), which are left out.</param>
    /// <exception cref="GramException">The data set is unknown, has a bad row, or no row with a prompt.</exception>
    public static IReadOnlyList<Prompt> Load(string dataset, string datasetDir, IPublisher<Notice>? notices = null)
    {
        var rows = DatasetReader.Read(DatasetInfo.Find(dataset, datasetDir), promptsOnly: true).Select(row => (row.Source, row.Prompt)).ToList();
        var prompts = rows.Select(row => row.Prompt).OfType<Prompt>().ToList();
        if (prompts.Count == 0) throw new GramException($"data set {dataset} has no row with a prompt");
        if (prompts.Count < rows.Count)
        {
            var first = rows.First(row => row.Prompt is null).Source;
            notices?.Publish(new($"{first.File}: {rows.Count - prompts.Count} rows without a prompt were left out, the first is row {first.Row} (its turns do not alternate from the user's, or are none)", IsWarning: true));
        }
        return prompts;
    }
}
