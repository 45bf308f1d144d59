using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;

namespace Gram.Ppo.Stages;

/// <summary>The tokens that end a response.</summary>
public static class EndTokens
{
    /// <summary>The model's own, and every token whose text holds one of a run's stop texts.</summary>
    /// <param name="config">The policy's.</param>
    /// <param name="stops">The stop texts.</param>
    /// <param name="tokenizer">The policy's.</param>
    /// <exception cref="GramException">No token holds a stop text: it takes several.</exception>
    public static IReadOnlyList<int> Of(ModelConfig config, IReadOnlyList<string> stops, Tokenizer tokenizer)
    {
        if (stops.Count == 0) return config.EosTokenIds;
        var texts = Enumerable.Range(0, config.VocabSize).Select(id => tokenizer.Decode([id], skipSpecialTokens: false)).ToArray();
        if (stops.FirstOrDefault(stop => !texts.Any(text => text.Contains(stop, StringComparison.Ordinal))) is { } unknown)
            throw new GramException($"stop_tokens: no token of the policy holds '{unknown.ReplaceLineEndings("\\n")}': name a text that is one token, or part of one");
        return [.. config.EosTokenIds.Union(texts.Index().Where(token => stops.Any(stop => token.Item.Contains(stop, StringComparison.Ordinal))).Select(token => token.Index))];
    }
}
