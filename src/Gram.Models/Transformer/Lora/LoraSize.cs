namespace Gram.Models.Transformer.Lora;

/// <summary>How large an adapter is.</summary>
/// <param name="Factors">Parameters of its factors, float32 whatever the base computes in.</param>
/// <param name="Copies">Parameters of the modules that are trained whole, in the base's dtype.</param>
/// <param name="Ranks">Sum of the ranks of its linears: numbers of a token between their factors.</param>
/// <param name="Inputs">Sum of the widths of their inputs.</param>
public sealed record LoraSize(long Factors, long Copies, long Ranks, long Inputs)
{
    /// <summary>All that is trained.</summary>
    public long Parameters => Factors + Copies;
}
