using System.Text.Json.Serialization;

namespace Gram.Ppo;

/// <summary>Mean gold score of greedy answers to the held-out prompts, by the initial policy and by the trained one.</summary>
public sealed record GoldChange([property: JsonPropertyName("before")] Estimate Before, [property: JsonPropertyName("after")] Estimate After);

/// <summary>Share of held-out prompts whose greedy answer beats the initial policy's, ties ½.</summary>
/// <param name="Judge">By the judge that trained the policy.</param>
/// <param name="Gold">By the gold measure, where there is one.</param>
public sealed record WinRates(
    [property: JsonPropertyName("judge")] Estimate Judge,
    [property: JsonPropertyName("gold"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Estimate? Gold);

/// <summary>A held-out prompt with the greedy answers of the initial and the trained policy.</summary>
public sealed record AnswerChange(string Question, string Before, string After);

/// <summary>What a PPO run came to. Serialises as the result of --json.</summary>
public sealed record PpoResult
{
    /// <summary>Gold score before and after, where the task has a gold measure.</summary>
    [JsonPropertyName("gold"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GoldChange? Gold { get; init; }

    /// <summary>Win rates against the initial policy's greedy answers; null without held-out prompts.</summary>
    [JsonPropertyName("win_rate"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WinRates? WinRate { get; init; }

    /// <summary>KL from the reference in nats a response, of samples on the held-out prompts (of the last rollout without them).</summary>
    [JsonPropertyName("kl"), JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)]
    public required double Kl { get; init; }

    /// <summary>PPO steps that the model has had, those before a resume included.</summary>
    [JsonPropertyName("steps")]
    public required int Steps { get; init; }

    /// <summary>Wall time in seconds, of this process only.</summary>
    [JsonPropertyName("seconds")]
    public required double Seconds { get; init; }

    /// <summary>Directory of the trained model.</summary>
    [JsonPropertyName("model")]
    public required string Model { get; init; }

    /// <summary>A few held-out prompts with answers before and after.</summary>
    [JsonIgnore]
    public IReadOnlyList<AnswerChange> Examples { get; init; } = [];
}
