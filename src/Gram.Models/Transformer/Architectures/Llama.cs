namespace Gram.Models.Transformer.Architectures;

/// <summary>Llama 2, Llama 3, SmolLM2 and others of their shape: no biases, no query and key norms.</summary>
internal static class Llama
{
    public static Architecture Architecture { get; } = new("llama", "LlamaForCausalLM");
}
