using Gram.Models;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Training.Runs;

namespace Gram.Ppo;

/// <summary>The prompts of a run.</summary>
/// <param name="Train">Training prompts.</param>
/// <param name="Eval">Held-out prompts; may be none.</param>
public sealed record PromptSets(IReadOnlyList<Prompt> Train, IReadOnlyList<Prompt> Eval)
{
    /// <summary>The data sets that the options name; without <c>eval_dataset</c>, <c>val_size</c> of the training prompts are held out.</summary>
    /// <exception cref="GramException">No data set is named, or one is wrong.</exception>
    public static PromptSets Load(PpoOptions options, IPublisher<Notice> notices) => Of(options, names => Read(options, names, notices));

    /// <summary>The same, with another's reading of data sets.</summary>
    /// <param name="options">The run's.</param>
    /// <param name="read">The prompts of data sets.</param>
    /// <exception cref="GramException">No data set is named, or one is wrong.</exception>
    public static PromptSets Of(PpoOptions options, Func<IReadOnlyList<string>, IReadOnlyList<Prompt>> read)
    {
        if (options.Dataset.Count == 0) throw new GramException("dataset is needed: names in dataset_info.json, or files of prompts");
        var train = read(options.Dataset);
        return options.EvalDataset.Count > 0 ? new(train, read(options.EvalDataset)) : HoldOut([.. train], options.ValSize, options.Seed);
    }

    /// <summary>The prompts of data sets, at most <c>max_samples</c> of each.</summary>
    /// <exception cref="GramException">One is unknown, or has a bad row.</exception>
    public static IReadOnlyList<Prompt> Read(PpoOptions options, IReadOnlyList<string> names, IPublisher<Notice> notices) =>
        [.. names.SelectMany(name => PromptSource.Load(name, options.DatasetDir, notices).Take(options.MaxSamples ?? int.MaxValue))];

    /// <summary>Takes a share (below 1) or a number of the training prompts out of them.</summary>
    private static PromptSets HoldOut(List<Prompt> prompts, double size, ulong seed)
    {
        var count = size < 1 ? (int)Math.Ceiling(size * prompts.Count) : (int)size;
        if (count >= prompts.Count) throw new GramException($"val_size: {size} holds out all {prompts.Count} prompts; none is left to train on");
        new RandomSource(seed).Shuffle(prompts);
        return new(prompts[count..], prompts[..count]);
    }
}
