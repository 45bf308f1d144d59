using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Reward.Encoding;

/// <summary>The examples of a GRAM training run: data sets read, converted, split, encoded and counted before the first step.</summary>
public sealed class ExampleSource
{
    private const string RecordName = "examples.json";
    private static readonly JsonSerializerOptions RecordJson = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<TrainingExample> train = [], eval = [];
    private readonly List<AnswerPair> evalPairs = [];
    private readonly JsonArray shortened = [], dropped = [], order = [];

    private int otherPrompts;

    private ExampleSource(GramConfig judge, int[] labelIds) => (Judge, LabelIds) = (judge, labelIds);

    /// <summary>Rows to train on, in the data's order (shuffling is the trainer's).</summary>
    public IReadOnlyList<TrainingExample> Train => train;
    /// <summary>Held-out rows: all of them in stage 1; in stage 2 those that are no pairs (see <see cref="EvalPairs"/>).</summary>
    public IReadOnlyList<TrainingExample> Eval => eval;
    /// <summary>Stage 2: held-out pairs, the preferred answer as A, to be judged in both orders.</summary>
    public IReadOnlyList<AnswerPair> EvalPairs => evalPairs;
    /// <summary>Tokens of each row to train on.</summary>
    public IReadOnlyList<int> Lengths => [.. train.Select(example => example.Ids.Length)];
    /// <summary>Tokens of the longest row.</summary>
    public int Longest => train.Concat(eval).Max(example => example.Ids.Length);
    /// <summary>Ids of the labels, in <see cref="GramConfig.Labels"/>' order; empty in stage 1.</summary>
    public int[] LabelIds { get; }
    /// <summary>gram_config.json of the trained judge.</summary>
    public GramConfig Judge { get; }
    /// <summary>Examples whose answers were shortened to fit cutoff_len.</summary>
    public int Shortened => shortened.Count;
    /// <summary>Rows left out: they could not fit, were broken, or cleaning dropped them.</summary>
    public int Dropped => dropped.Count;

    /// <summary>Reads and encodes the data sets of a run.</summary>
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

        var source = new ExampleSource(judge, encoder.LabelIds);
        var (trainRows, evalRows) = HoldOut(source.Read(options.Dataset, options), options.ValSize, random);
        evalRows.AddRange(source.Read(options.EvalDataset, options));
        source.Encode(encoder, trainRows, evalRows, random);
        if (source.Train.Count == 0) throw new GramException($"no training example is left: {Reasons(source.dropped)}");

        if (source.Shortened > 0) notices?.Publish(new($"{source.Shortened} examples had their answers shortened to fit cutoff_len {options.CutoffLen} (listed in {RecordName})"));
        if (source.otherPrompts > 0) notices?.Publish(new($"{source.otherPrompts} rows are written with another judge prompt than the one that is saved with the judge and used in scoring: set gram_prompt to theirs", IsWarning: true));
        if (source.Dropped > 0) notices?.Publish(new($"{source.Dropped} rows were left out, the first because {Reasons(source.dropped)} (listed in {RecordName})", IsWarning: true));
        return source;
    }

    /// <summary>Writes examples.json into the run's folder: which rows were shortened or dropped, and which answer was A.</summary>
    public void WriteRecord(string directory)
    {
        var record = new JsonObject
        {
            ["train"] = train.Count,
            ["eval"] = eval.Count + evalPairs.Count,
            ["shortened"] = shortened.DeepClone(),
            ["dropped"] = dropped.DeepClone(),
            ["order"] = order.DeepClone(),
        };
        AtomicFile.WriteText(Path.Combine(directory, RecordName), record.ToJsonString(RecordJson) + "\n");
    }

    private List<DatasetRow> Read(IReadOnlyList<string> datasets, GramTrainingOptions options)
    {
        var rows = new List<DatasetRow>();
        foreach (var name in datasets)
        {
            var info = DatasetInfo.Find(name, options.DatasetDir);
            Action<int>? notText = options.Clean ? row => dropped.Add(Record(info.File, row, ("why", "it is not valid UTF-8"))) : null;
            rows.AddRange(DatasetReader.Read(info, notText: notText).Take(options.MaxSamples ?? int.MaxValue));
        }
        return rows;
    }

    /// <summary>Takes a share (below 1) or a number of rows out of the training data.</summary>
    private static (List<DatasetRow> Train, List<DatasetRow> Eval) HoldOut(List<DatasetRow> rows, double size, RandomSource random)
    {
        if (size <= 0) return (rows, []);
        var count = size < 1 ? (int)Math.Ceiling(size * rows.Count) : (int)size;
        if (count >= rows.Count) throw new GramException($"val_size {size} holds out all {rows.Count} rows: none is left to train on");
        var drawn = Enumerable.Range(0, rows.Count).ToArray();
        random.Shuffle(drawn);
        var held = drawn.Take(count).ToHashSet();
        return ([.. rows.Where((_, i) => !held.Contains(i))], [.. rows.Where((_, i) => held.Contains(i))]);
    }

    private void Encode(GramExampleEncoder encoder, List<DatasetRow> trainRows, List<DatasetRow> evalRows, RandomSource random)
    {
        // Which answer is A: half and half, drawn once for all pairs.
        var chosenFirst = Enumerable.Range(0, trainRows.Concat(evalRows).Count(row => row.Responses.Count == 2)).Select(i => i % 2 == 0).ToArray();
        random.Shuffle(chosenFirst);
        var pairs = 0;
        foreach (var row in trainRows)
        {
            if (EncodeRow(row) is { Example: { } example }) train.Add(example);
        }
        foreach (var row in evalRows)
        {
            var encoded = EncodeRow(row);
            if (encoded.Pair is { } pair && encoded.Example is not null) evalPairs.Add(pair);
            else if (encoded.Example is not null) eval.Add(encoded.Example);
        }

        EncodedRow EncodeRow(DatasetRow row)
        {
            var isPair = row.Responses.Count == 2;
            var first = isPair && chosenFirst[pairs++];
            var encoded = encoder.Encode(row, first);
            if (encoded.Dropped is { } why) dropped.Add(Record(row.Source.File, row.Source.Row, ("why", why)));
            else if (isPair) order.Add(Record(row.Source.File, row.Source.Row, ("a", first ? "chosen" : "rejected")));
            if (encoded.IsOtherPrompt) otherPrompts++;
            if (encoded.IsShortened) shortened.Add(Record(row.Source.File, row.Source.Row));
            return encoded;
        }
    }

    private static JsonObject Record(string file, int row, params ReadOnlySpan<(string Key, string Value)> more)
    {
        var record = new JsonObject { ["file"] = file, ["row"] = row };
        foreach (var (key, value) in more) record[key] = value;
        return record;
    }

    private static string Reasons(JsonArray dropped) =>
        dropped.Count == 0 ? "the data sets hold none" : $"{dropped[0]!["why"]} ({dropped[0]!["file"]}, row {dropped[0]!["row"]})";
}
