using Gram.Models.Tokenization;

namespace Gram.Reward.Tests;

/// <summary>Tokenizers that several tests share: reading one takes a second.</summary>
internal static class TestTokenizers
{
    private static readonly Lazy<Tokenizer> Smol = new(() => Tokenizer.Load(Repository.SharedPath("models", "smollm2-135m-instruct")));

    /// <summary>SmolLM2's; skips the test where it is absent.</summary>
    public static Tokenizer SmolLM2 => Smol.Value;
}
