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
