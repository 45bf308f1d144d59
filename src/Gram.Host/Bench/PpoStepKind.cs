namespace Gram.Host.Bench;

/// <summary>A way to run the PPO step of configs/bench_ppo_smollm2.yaml.</summary>
/// <param name="Name">What it is called beside another one.</param>
/// <param name="Overrides">Keys of the configuration that differ.</param>
/// <param name="Lengths">Tokens of each prompt.</param>
internal sealed record PpoStepKind(string Name, IReadOnlyDictionary<string, string> Overrides, IReadOnlyList<int> Lengths)
{
    private const int Prompts = 32, PromptTokens = 32, Shortest = 8, Longest = 200;
    private static readonly Dictionary<string, string> AsItIs = [];

    /// <summary>The configuration's own: all weights are trained, the value model has a trunk of its own.</summary>
    public static readonly PpoStepKind Full = new("all weights", AsItIs, Even(PromptTokens));

    /// <summary>An adapter on every linear layer is trained, and the value head lies on the policy's trunk.</summary>
    public static readonly PpoStepKind Lora = new("lora", new Dictionary<string, string> { ["finetuning_type"] = "lora", ["value_model"] = "shared" }, Even(PromptTokens));

    /// <summary>Prompts of 8 to 200 tokens, as many of each length.</summary>
    public static readonly PpoStepKind Mixed = new("mixed lengths", AsItIs, [.. Enumerable.Range(0, Prompts).Select(i => Shortest + (int)Math.Round((Longest - Shortest) * i / (Prompts - 1.0)))]);

    /// <summary>As many tokens as <see cref="Mixed"/>, the same number in each prompt.</summary>
    public static readonly PpoStepKind OneLength = new("one length", AsItIs, Even((Shortest + Longest) / 2));

    private static int[] Even(int tokens) => [.. Enumerable.Repeat(tokens, Prompts)];
}
