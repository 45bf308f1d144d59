namespace Gram.Models.Kernels;

/// <summary>Sizes of one attention: rows of tokens, query heads, key-value heads, width of a head.</summary>
internal readonly record struct AttentionShape(int Rows, int Tokens, int Heads, int KvHeads, int HeadDim)
{
    /// <summary>Query heads of a key-value head.</summary>
    public int Group => Heads / KvHeads;
    /// <summary>Width of a token's queries.</summary>
    public int QueryWidth => Heads * HeadDim;
    /// <summary>Width of a token's keys, or values.</summary>
    public int KeyWidth => KvHeads * HeadDim;
}

/// <summary>Tokens of a row that attend to one another: those of the whole row, or of one sequence among several in it.</summary>
/// <param name="Row">The row.</param>
/// <param name="First">The first of them.</param>
/// <param name="Tokens">How many they are.</param>
internal readonly record struct AttentionSequence(int Row, int First, int Tokens);
