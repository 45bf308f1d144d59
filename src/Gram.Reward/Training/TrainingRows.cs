using Gram.Reward.Encoding;
using Gram.Training.Batches;

namespace Gram.Reward.Training;

/// <summary>What micro-batches are made of: rows of one example each, or of several that are packed into one.</summary>
internal sealed class TrainingRows
{
    private readonly IReadOnlyList<TrainingExample> examples;
    private readonly IReadOnlyList<int[]>? packed; // the examples of each row

    /// <summary>Rows of the examples to train on.</summary>
    public TrainingRows(GramTrainingOptions options, ExampleSource source)
    {
        examples = source.Train;
        packed = options.Packs ? GreedyKnapsack.Pack(source.Lengths, options.MostTokens) : null;
        Lengths = packed is null ? source.Lengths : [.. packed.Select(row => row.Sum(example => source.Lengths[example]))];
    }

    /// <summary>Whether rows may hold several examples.</summary>
    public bool ArePacked => packed is not null;

    /// <summary>Rows.</summary>
    public int Count => Lengths.Count;

    /// <summary>Tokens of each.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>The examples of a row.</summary>
    public TrainingExample[] this[int row] => packed is null ? [examples[row]] : Array.ConvertAll(packed[row], example => examples[example]);
}
