namespace Gram.Models.Transformer.Architectures;

/// <summary>Qwen2 and Qwen2.5: biases on q, k and v, no query and key norms.</summary>
internal static class Qwen2
{
    public static Architecture Architecture { get; } = new("qwen2", "Qwen2ForCausalLM") { QkvBias = true };
}
