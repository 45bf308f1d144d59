using System.Security.Cryptography;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Reward.Encoding;

/// <summary>
/// The examples of a GRAM training run: data sets read, converted, split, encoded and counted before the first step. Rows are read
/// twice, one at a time: to count them, then to encode them.
/// </summary>
public sealed class ExampleSource : IDisposable
{
    private const string RecordName = "examples.json";

    private readonly EncodedData data;

    private ExampleSource(EncodedData data, GramConfig judge, int[] labelIds) => (this.data, Judge, LabelIds) = (data, judge, labelIds);

    /// <summary>Rows to train on, in the data's order (shuffling is the trainer's).</summary>
    public IReadOnlyList<TrainingExample> Train => data.Train;
    /// <summary>Held-out rows: all of them in stage 1; in stage 2 those that are no pairs (see <see cref="EvalPairs"/>).</summary>
    public IReadOnlyList<TrainingExample> Eval => data.Eval;
    /// <summary>Stage 2: held-out pairs, the preferred answer as A, to be judged in both orders.</summary>
    public IReadOnlyList<AnswerPair> EvalPairs => data.EvalPairs;
    /// <summary>Tokens of each row to train on.</summary>
    public IReadOnlyList<int> Lengths => data.Lengths;
    /// <summary>Tokens of the longest row.</summary>
    public int Longest => Math.Max(Lengths.Max(), Eval.Select(example => example.Ids.Length).DefaultIfEmpty().Max());
    /// <summary>Ids of the labels, in <see cref="GramConfig.Labels"/>' order; empty in stage 1.</summary>
    public int[] LabelIds { get; }
    /// <summary>gram_config.json of the trained judge.</summary>
    public GramConfig Judge { get; }
    /// <summary>Examples whose answers were shortened to fit cutoff_len.</summary>
    public int Shortened => data.Record.Shortened;
    /// <summary>Rows left out: they could not fit, were broken, or cleaning dropped them.</summary>
    public int Dropped => data.Record.Dropped;

    /// <summary>Reads and encodes the data sets of a run, or takes them from tokenized_path, where nothing has changed since.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="random">Draws the held-out rows and which answer is A. The same seed gives the same examples.</param>
    /// <param name="notices">Told what was shortened, dropped, or differs between training and scoring.</param>
    /// <exception cref="GramException">A file or row is wrong, a label is not one token, a control token is not in the vocabulary, or thinking is on in stage 2.</exception>
    public static ExampleSource Load(GramTrainingOptions options, Tokenizer tokenizer, RandomSource random, IPublisher<Notice>? notices = null)
    {
        var template = TrainingTemplate.For(options.Template, tokenizer);
        var judge = ScoringConfig.Of(options, tokenizer);
        var encoder = new GramExampleEncoder(options, template, tokenizer, judge);
        if (options.GramLoss && ScoringConfig.Difference(judge, template, encoder, tokenizer) is { } difference) notices?.Publish(new(difference));

        var encoding = new DataEncoding(options, encoder, random);
        var source = new ExampleSource(Encoded(options, encoding, () => DataFingerprint.Of(options, template, judge, encoding.Datasets, random), notices), judge, encoder.LabelIds);
        var record = source.data.Record;
        if (source.Train.Count == 0)
        {
            source.Dispose();
            throw new GramException($"no training example is left: {record.FirstDropped}");
        }
        if (record.Shortened > 0) notices?.Publish(new($"{record.Shortened} examples had their answers shortened to fit cutoff_len {options.MostTokens} (listed in {RecordName})"));
        if (record.OtherPrompts > 0) notices?.Publish(new($"{record.OtherPrompts} rows are written with another judge prompt than the one that is saved with the judge and used in scoring: set gram_prompt to theirs", IsWarning: true));
        if (record.Dropped > 0) notices?.Publish(new($"{record.Dropped} rows were left out, the first because {record.FirstDropped} (listed in {RecordName})", IsWarning: true));
        return source;
    }

    /// <summary>Writes examples.json into the run's folder: which rows were shortened or dropped, and which answer was A.</summary>
    public void WriteRecord(string directory) => data.Record.WriteJson(Path.Combine(directory, RecordName), Train.Count, Eval.Count + EvalPairs.Count);

    /// <summary>Closes the file of examples, where there is one.</summary>
    public void Dispose() => (data.Train as IDisposable)?.Dispose();

    private static EncodedData Encoded(GramTrainingOptions options, DataEncoding encoding, Func<byte[]> fingerprint, IPublisher<Notice>? notices)
    {
        if (options.TokenizedPath is null && !options.Streaming) return encoding.InMemory();
        if (options.TokenizedPath is null || encoding.Datasets.Any(info => info.File == "-")) // what comes through a pipe is not there to be compared
            return ExampleFile.Write(Path.Combine(Path.GetTempPath(), $"gram-{Guid.NewGuid():N}.tokens"), [], encoding.Encode, isTemporary: true);

        var path = Path.Combine(options.TokenizedPath, FileName(options));
        var current = fingerprint();
        if (!options.OverwriteCache && ExampleFile.Open(path, current) is { } kept)
        {
            notices?.Publish(new($"{kept.Train.Count} encoded examples are taken from {path}"));
            return kept;
        }
        if (File.Exists(path) && !options.OverwriteCache) notices?.Publish(new($"{path} was made of other data, another template, tokenizer or other settings: encoding again"));
        return ExampleFile.Write(path, current, encoding.Encode, isTemporary: false);
    }

    /// <summary>A name for these data sets, whatever is in them: a later version replaces an earlier one.</summary>
    private static string FileName(GramTrainingOptions options)
    {
        var names = string.Join('\n', [.. options.Dataset, "", .. options.EvalDataset, "", Path.GetFullPath(options.DatasetDir)]);
        return $"{(options.GramLoss ? "stage2" : "stage1")}-{Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(names)))[..16]}.tokens";
    }
}
