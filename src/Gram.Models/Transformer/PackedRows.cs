using Gram.Models.Kernels;

namespace Gram.Models.Transformer;

/// <summary>
/// Rows that hold several sequences one after another. A sequence attends to itself alone, and its positions start at 0: it computes what
/// it would in a row of its own. Padding at a row's end belongs to the last sequence there, which does not see it.
/// </summary>
public sealed class PackedRows
{
    /// <summary>Lays out rows of so many tokens.</summary>
    /// <param name="lengths">Tokens of each row's sequences.</param>
    /// <param name="tokens">Tokens of a row, padding included.</param>
    /// <exception cref="ArgumentException">A sequence has no token, or a row has none or too many.</exception>
    public PackedRows(IReadOnlyList<IReadOnlyList<int>> lengths, int tokens)
    {
        (Rows, Tokens) = (lengths.Count, tokens);
        Sequences = [.. lengths.SelectMany(Row)];
        Longest = Sequences.Max(sequence => sequence.Tokens);

        IEnumerable<AttentionSequence> Row(IReadOnlyList<int> row, int index)
        {
            if (row.Count == 0 || row.Any(length => length < 1) || row.Sum() > tokens) throw new ArgumentException($"row {index}: sequences of {string.Join(", ", row)} tokens do not lie in a row of {tokens}", nameof(lengths));
            var first = 0;
            for (var i = 0; i < row.Count; i++)
            {
                var end = i == row.Count - 1 ? tokens : first + row[i];
                yield return new(index, first, end - first);
                first = end;
            }
        }
    }

    /// <summary>Rows.</summary>
    public int Rows { get; }
    /// <summary>Tokens of a row.</summary>
    public int Tokens { get; }
    /// <summary>The sequences, row by row; together they hold every token.</summary>
    internal IReadOnlyList<AttentionSequence> Sequences { get; }
    /// <summary>Tokens of the longest sequence.</summary>
    internal int Longest { get; }

    /// <summary>[rows · tokens] each token's position in its sequence.</summary>
    internal long[] Positions() => [.. Sequences.SelectMany(sequence => Enumerable.Range(0, sequence.Tokens)).Select(position => (long)position)];

    /// <summary>[rows · tokens] the number of each token's sequence.</summary>
    internal long[] Numbers() => [.. Sequences.SelectMany((sequence, number) => Enumerable.Repeat((long)number, sequence.Tokens))];
}
