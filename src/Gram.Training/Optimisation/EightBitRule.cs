namespace Gram.Training.Optimisation;

/// <summary>Which weights have 8-bit moments where they are asked for: bitsandbytes' and transformers' rule.</summary>
public static class EightBitRule
{
    private const long SmallestTensor = 4096; // bitsandbytes' min_8bit_size

    /// <summary>Whether a weight has. Small ones would save nothing, and of an embedding most rows get no gradient in a step: both stay float32.</summary>
    /// <param name="name">Its Hugging Face name.</param>
    /// <param name="numbers">Its size.</param>
    public static bool Takes(string name, long numbers) => numbers >= SmallestTensor && !name.Contains("embed_tokens", StringComparison.Ordinal);
}
