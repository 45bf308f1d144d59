using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Reward.Encoding;

/// <summary>The examples of a GRAM training run: data sets read, converted, split, encoded and counted before the first step.</summary>
public sealed class ExampleSource
{
    /// <summary>Reads and encodes the data sets of a run.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="random">Draws the held-out rows and which answer is A. The same seed gives the same examples.</param>
    /// <param name="notices">Told what was shortened, dropped, or differs between training and scoring.</param>
    /// <exception cref="GramException">A file or row is wrong, a label is not one token, a control token is not in the vocabulary, or thinking is on in stage 2.</exception>
    public static ExampleSource Load(GramTrainingOptions options, Tokenizer tokenizer, RandomSource random, IPublisher<Notice>? notices = null) => throw new NotImplementedException();

    /// <summary>Rows to train on, in the data's order (shuffling is the trainer's).</summary>
    public IReadOnlyList<TrainingExample> Train => throw new NotImplementedException();
    /// <summary>Held-out rows: all of them in stage 1; in stage 2 those that are no pairs (see <see cref="EvalPairs"/>).</summary>
    public IReadOnlyList<TrainingExample> Eval => throw new NotImplementedException();
    /// <summary>Stage 2: held-out pairs, the preferred answer as A, to be judged in both orders.</summary>
    public IReadOnlyList<AnswerPair> EvalPairs => throw new NotImplementedException();
    /// <summary>Ids of the labels, in <see cref="GramConfig.Labels"/>' order; empty in stage 1.</summary>
    public int[] LabelIds => throw new NotImplementedException();
    /// <summary>gram_config.json of the trained judge.</summary>
    public GramConfig Judge => throw new NotImplementedException();
    /// <summary>Examples whose answers were shortened to fit cutoff_len.</summary>
    public int Shortened => throw new NotImplementedException();
    /// <summary>Rows left out: they could not fit, or cleaning dropped them.</summary>
    public int Dropped => throw new NotImplementedException();
    /// <summary>Writes examples.json into the run's folder: which rows were shortened or dropped, and which answer was A.</summary>
    public void WriteRecord(string directory) => throw new NotImplementedException();
}
