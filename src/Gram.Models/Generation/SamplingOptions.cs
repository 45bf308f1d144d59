using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Gram.Models.Generation;

/// <summary>
/// How tokens are drawn, and where a response ends. In transformers' order: the repetition penalty changes the logits, greedy ones
/// too; of a sample's, divided by the temperature, top-k, then top-p, then min-p keep some.
/// </summary>
public sealed record SamplingOptions : IValidatableObject
{
    /// <summary>Most new tokens of a response.</summary>
    [ConfigurationKeyName("max_new_tokens"), Description("most new tokens of a response"), Range(1, int.MaxValue)]
    public int MaxNewTokens { get; init; } = 256;
    /// <summary>Texts that end a response, which is cut before them.</summary>
    [ConfigurationKeyName("stop"), Description("texts that end a response, which is cut before them (as a JSON list where they hold commas: [\"a,b\"])")]
    public IReadOnlyList<string> Stop { get; init; } = [];
    /// <summary>Divides the logits; above 0.</summary>
    [ConfigurationKeyName("temperature"), Description("divides the logits before a token is drawn"), Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = 1.0;
    /// <summary>Keeps the k likeliest tokens; 0 = all.</summary>
    [ConfigurationKeyName("top_k"), Description("keeps the k likeliest tokens (0 = all)"), Range(0, int.MaxValue)]
    public int TopK { get; init; }
    /// <summary>Keeps the smallest set of likeliest tokens whose probability reaches p; 1 = all.</summary>
    [ConfigurationKeyName("top_p"), Description("keeps the likeliest tokens that together reach this probability (1 = all)"), Range(0.0, 1.0)]
    public double TopP { get; init; } = 1.0;
    /// <summary>Keeps tokens of at least this share of the likeliest one's probability; 0 = all.</summary>
    [ConfigurationKeyName("min_p"), Description("keeps tokens of at least this share of the likeliest one's probability (0 = all)"), Range(0.0, 1.0)]
    public double MinP { get; init; }
    /// <summary>Divides positive logits of tokens that the prompt or the response holds, and multiplies negative ones; 1 = none.</summary>
    [ConfigurationKeyName("repetition_penalty"), Description("makes tokens of the prompt and the response less likely (1 = not)"), Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double RepetitionPenalty { get; init; } = 1.0;
    /// <summary>Whether a filter is in force.</summary>
    public bool Filters => TopK > 0 || TopP < 1.0 || MinP > 0;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Stop.Contains("")) yield return new ValidationResult("stop: an empty text would end every response at once; leave it out", ["stop"]);
    }
}
