using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Reward.Judging;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of a judge that reasons before its verdict.</summary>
internal sealed record RationaleKeys : IValidatableObject
{
    [ConfigurationKeyName("rationale"), Description("the judge writes rationales before its verdict (GRAM-R²'s prompt), which vote")]
    public bool Rationale { get; init; }

    [ConfigurationKeyName("votes"), Description("rationales in each order"), Range(1, 1024)]
    public int Votes { get; init; } = 1;

    [ConfigurationKeyName("rationale_max_new_tokens"), Description("most tokens of a rationale"), Range(1, int.MaxValue)]
    public int MaxNewTokens { get; init; } = new RationaleOptions().MaxNewTokens;

    [ConfigurationKeyName("rationale_temperature"), Description("divides the logits that rationales are drawn from"), Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = new RationaleOptions().Temperature;

    [ConfigurationKeyName("rationale_prompt"), Description("the prompt of a reasoning judge, with {question}, {answer_a}, {answer_b} (default: GRAM-R²'s)")]
    public string? Prompt { get; init; }

    /// <summary>The judge that the keys ask for: one that reasons over this one, or null.</summary>
    public RationaleJudge? Over(GramJudge judge, ulong seed) => !Rationale ? null : new(judge, new RationaleOptions
    {
        Prompt = Prompt ?? RationaleOptions.PublishedPrompt,
        Votes = Votes,
        MaxNewTokens = MaxNewTokens,
        Temperature = Temperature,
        Seed = seed,
    });

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Rationale && Votes > 1) yield return new ValidationResult("votes: only rationales vote; set --rationale, or leave votes out");
    }
}
