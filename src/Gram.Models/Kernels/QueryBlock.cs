namespace Gram.Models.Kernels;

/// <summary>Queries that are computed together: those of some tokens, all heads of a group.</summary>
/// <param name="First">Place of the first token.</param>
/// <param name="Count">Queries.</param>
/// <param name="Group">Query heads of a token.</param>
internal readonly record struct QueryBlock(int First, int Count, int Group)
{
    private const int QueriesAtOnce = 64;

    /// <summary>Tokens of a block: a multiple of four, as queries and keys are multiplied by fours.</summary>
    public static int TokensAtOnce(int group) => Math.Max(4, QueriesAtOnce / group / 4 * 4);

    /// <summary>Keys that the last query sees.</summary>
    public int Keys => Seen(Count - 1);

    /// <summary>Keys that a query sees.</summary>
    public int Seen(int query) => First + (query / Group) + 1;
}
