using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Gram.Models.Generation;

/// <summary>How tokens are drawn. Log-probs are always those of logits / temperature, filtered and renormalised.</summary>
public sealed record SamplingOptions
{
    /// <summary>Most new tokens of a response.</summary>
    [ConfigurationKeyName("max_new_tokens"), Description("most new tokens of a response"), Range(1, int.MaxValue)]
    public int MaxNewTokens { get; init; } = 256;
    /// <summary>Divides the logits; above 0.</summary>
    [ConfigurationKeyName("temperature"), Description("divides the logits before a token is drawn"), Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = 1.0;
    /// <summary>Keeps the k likeliest tokens; 0 = all.</summary>
    [ConfigurationKeyName("top_k"), Description("keeps the k likeliest tokens (0 = all)"), Range(0, int.MaxValue)]
    public int TopK { get; init; }
    /// <summary>Keeps the smallest set of likeliest tokens whose probability reaches p; 1 = all.</summary>
    [ConfigurationKeyName("top_p"), Description("keeps the likeliest tokens that together reach this probability (1 = all)"), Range(0.0, 1.0)]
    public double TopP { get; init; } = 1.0;
    /// <summary>Whether a filter is in force.</summary>
    public bool Filters => TopK > 0 || TopP < 1.0;
}
