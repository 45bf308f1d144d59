using Gram.Models.Tokenization;
using Gram.Ppo;

namespace Gram.Serving;

/// <summary>What a reward server accepts, and how it answers.</summary>
public sealed record RewardServerOptions
{
    /// <summary>The judge's name in answers.</summary>
    public string ModelName { get; init; } = "gram";

    /// <summary>Most bytes of a request's body.</summary>
    public long MaxBodyBytes { get; init; } = 8 << 20;

    /// <summary>Most characters of a text.</summary>
    public int MaxTextLength { get; init; } = 100_000;

    /// <summary>Most pairs that a request may ask for.</summary>
    public int MaxPairs { get; init; } = 1024;

    /// <summary>How clients that send a prompt with its answer in one text have written it; null = they must send the prompt too.</summary>
    public ChatTemplate? Template { get; init; }

    /// <summary>From a score p to a trainer's reward.</summary>
    public RewardTransform RewardTransform { get; init; } = RewardTransform.Centered;

    /// <summary>Bound of the logit transform.</summary>
    public double RewardClip { get; init; } = 5;

    /// <summary>Whether answers that imitate the judge prompt's markers get the lowest score of a trainer's request.</summary>
    public bool MarkerPenalty { get; init; } = true;

    /// <summary>Whether the log holds questions and answers.</summary>
    public bool LogTexts { get; init; }
}
