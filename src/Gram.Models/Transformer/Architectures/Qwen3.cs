namespace Gram.Models.Transformer.Architectures;

/// <summary>Qwen3: no biases, queries and keys normalised per head.</summary>
internal static class Qwen3
{
    public static Architecture Architecture { get; } = new("qwen3", "Qwen3ForCausalLM") { QueryKeyNorm = true };
}
