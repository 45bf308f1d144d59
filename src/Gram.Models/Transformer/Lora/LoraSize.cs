namespace Gram.Models.Transformer.Lora;

/// <summary>How large an adapter is.</summary>
/// <param name="Tensors">Its tensors and how many numbers each has: the factors, float32 whatever the base computes in, then the copies.</param>
/// <param name="Copies">Numbers of the modules that are trained whole, in the base's dtype.</param>
/// <param name="Ranks">Sum of the ranks of its linears: numbers of a token between their factors.</param>
/// <param name="Inputs">Sum of the widths of their inputs.</param>
public sealed record LoraSize(IReadOnlyList<(string Name, long Numbers)> Tensors, long Copies, long Ranks, long Inputs)
{
    /// <summary>All that is trained.</summary>
    public long Parameters => Tensors.Sum(tensor => tensor.Numbers);
}
