using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Reward.Encoding;

/// <summary>The data sets of a training run, read, checked and encoded before the first step.</summary>
public sealed class ExampleSource
{
    /// <summary>Reads the data sets that the options name; notices say what was shortened or dropped.</summary>
    /// <exception cref="Models.GramException">A file or a row is wrong, or no example is left.</exception>
    public static ExampleSource Load(GramTrainingOptions options, Tokenizer tokenizer, IPublisher<Notice> notices) => throw new NotImplementedException();

    /// <summary>Training examples, in the order of the data.</summary>
    public IReadOnlyList<TrainingExample> Train { get; init; } = [];

    /// <summary>Held-out examples of the same form (val_size or eval_dataset); empty where there are none or they are pairs.</summary>
    public IReadOnlyList<TrainingExample> Eval { get; init; } = [];

    /// <summary>Held-out pairs, answer A the preferred one: where a stage-2 run's evaluation data are ranking pairs.</summary>
    public IReadOnlyList<AnswerPair> EvalPairs { get; init; } = [];

    /// <summary>Prompt, labels and template: what is saved with the model.</summary>
    public required GramConfig Config { get; init; }

    /// <summary>Stage 2: token id of each label.</summary>
    public IReadOnlyList<int> LabelIds { get; init; } = [];

    /// <summary>Examples whose answers were shortened to fit.</summary>
    public int Shortened { get; init; }

    /// <summary>Examples that could not fit, or had nothing to train on.</summary>
    public int Dropped { get; init; }
}
