using System.Collections;
using Gram.Models;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Training;

namespace Gram.Reward.Encoding;

/// <summary>Reads the rows of a run's data sets and encodes them: held-out rows apart, and each pair in the order drawn for it.</summary>
internal sealed class DataEncoding
{
    private readonly GramTrainingOptions options;
    private readonly GramExampleEncoder encoder;
    private readonly RandomSource random;
    private readonly DatasetInfo[] train, eval;
    private readonly Dictionary<string, List<DatasetRow>> piped = []; // rows that can be read once only

    public DataEncoding(GramTrainingOptions options, GramExampleEncoder encoder, RandomSource random)
    {
        (this.options, this.encoder, this.random) = (options, encoder, random);
        train = [.. options.Dataset.Select(name => DatasetInfo.Find(name, options.DatasetDir))];
        eval = [.. options.EvalDataset.Select(name => DatasetInfo.Find(name, options.DatasetDir))];
    }

    /// <summary>The data sets, those to train on first.</summary>
    public IReadOnlyList<DatasetInfo> Datasets => [.. train, .. eval];

    /// <summary>Encodes everything into memory.</summary>
    public EncodedData InMemory()
    {
        var examples = new List<TrainingExample>();
        var (rows, pairs, record) = Encode(examples.Add);
        return new(examples, examples.ConvertAll(example => example.Ids.Length), rows, pairs, record);
    }

    /// <summary>Encodes everything; each row to train on goes to the caller as it comes.</summary>
    public (List<TrainingExample> Eval, List<AnswerPair> EvalPairs, RowRecord Record) Encode(Action<TrainingExample> add)
    {
        // 1. What the draws are about: how many rows there are, and which of them are pairs.
        var record = new RowRecord();
        var isPair = Read(train, record).Select(row => row.Responses.Count == 2).ToList();
        var heldOut = HeldOut(isPair.Count, options.ValSize, random);
        var trainPairs = isPair.Where((pair, i) => pair && !heldOut[i]).Count();
        var evalPairs = isPair.Count(pair => pair) - trainPairs + Read(eval, record).Count(row => row.Responses.Count == 2);

        // 2. Which answer is A: half and half, drawn once for all pairs, those to train on first.
        bool[] chosenFirst = [.. Enumerable.Range(0, trainPairs + evalPairs).Select(i => i % 2 == 0)];
        random.Shuffle(chosenFirst);
        var (nextTrain, nextEval) = (0, trainPairs);

        // 3. The examples.
        var (rows, pairs) = (new List<TrainingExample>(), new List<AnswerPair>());
        var index = 0;
        foreach (var row in Read(train, null))
        {
            if (heldOut[index++]) HoldOut(row);
            else if (EncodeRow(row, ref nextTrain).Example is { } example) add(example);
        }
        foreach (var row in Read(eval, null)) HoldOut(row);
        return (rows, pairs, record);

        void HoldOut(DatasetRow row)
        {
            var encoded = EncodeRow(row, ref nextEval);
            if (encoded is { Pair: { } pair, Example: not null }) pairs.Add(pair);
            else if (encoded.Example is { } example) rows.Add(example);
        }

        EncodedRow EncodeRow(DatasetRow row, ref int next)
        {
            bool? first = row.Responses.Count == 2 ? chosenFirst[next++] : null;
            var encoded = encoder.Encode(row, first ?? false);
            record.Add(row.Source.File, row.Source.Row, encoded, first);
            return encoded;
        }
    }

    /// <summary>Rows of data sets, one at a time; those that are no text are noted where there is a record.</summary>
    private IEnumerable<DatasetRow> Read(DatasetInfo[] datasets, RowRecord? record)
    {
        foreach (var info in datasets)
        {
            Action<int>? notText = options.Clean ? row => record?.Drop(info.File, row, "it is not valid UTF-8") : null;
            var rows = DatasetReader.Read(info, notText: notText).Take(options.MaxSamples ?? int.MaxValue);
            if (info.File == "-") rows = piped.TryGetValue(info.Name, out var known) ? known : piped[info.Name] = [.. rows];
            foreach (var row in rows) yield return row;
        }
    }

    /// <summary>Draws a share (below 1) or a number of the training rows.</summary>
    internal static BitArray HeldOut(int rows, double size, RandomSource random)
    {
        var held = new BitArray(rows);
        if (size <= 0) return held;
        var count = size < 1 ? (int)Math.Ceiling(size * rows) : (int)size;
        if (count >= rows) throw new GramException($"val_size {size} holds out all {rows} rows: none is left to train on");
        var drawn = Enumerable.Range(0, rows).ToArray();
        random.Shuffle(drawn);
        foreach (var row in drawn.AsSpan(0, count)) held[row] = true;
        return held;
    }
}
