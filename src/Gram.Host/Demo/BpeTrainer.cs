using System.Text;
using System.Text.RegularExpressions;
using Gram.Models;
using Gram.Models.Tokenization;

namespace Gram.Host.Demo;

/// <summary>A trained byte-level BPE.</summary>
/// <param name="ControlTokens">Control tokens; their ids come first, in this order.</param>
/// <param name="Vocabulary">Tokens in the printable byte alphabet; token i has id ControlTokens.Count + i.</param>
/// <param name="Merges">Pairs of tokens, the earliest merged first.</param>
internal sealed record Bpe(IReadOnlyList<string> ControlTokens, IReadOnlyList<string> Vocabulary, IReadOnlyList<(string Left, string Right)> Merges);

/// <summary>
/// Trains a byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909, on bytes as in GPT-2): of all neighbouring tokens the
/// most frequent pair becomes a token, until the vocabulary is full or no pair occurs twice. Ties go to the pair of
/// smaller ids, so that a corpus always gives the same tokens.
/// </summary>
internal static partial class BpeTrainer
{
    /// <summary>The split into words before any merge: Qwen's, as tokenizer.json holds it.</summary>
    public const string SplitPattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    [GeneratedRegex(SplitPattern)]
    private static partial Regex Split();

    /// <summary>Trains on texts.</summary>
    /// <param name="texts">The corpus, without control tokens.</param>
    /// <param name="vocabularySize">Most ids, control tokens included.</param>
    /// <param name="controlTokens">Control tokens.</param>
    public static Bpe Train(IEnumerable<string> texts, int vocabularySize, IReadOnlyList<string> controlTokens)
    {
        if (vocabularySize < 256 + controlTokens.Count) throw new GramException($"vocabulary size {vocabularySize} is too small; 256 bytes and {controlTokens.Count} control tokens need {256 + controlTokens.Count}");
        List<string> vocabulary = [.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.Letter((byte)value).ToString())];
        List<(string, string)> merges = [];
        var words = Words(texts);
        while (vocabulary.Count + controlTokens.Count < vocabularySize && MostFrequentPair(words) is var (left, right))
        {
            var merged = vocabulary.Count;
            merges.Add((vocabulary[left], vocabulary[right]));
            vocabulary.Add(vocabulary[left] + vocabulary[right]);
            foreach (var (tokens, _) in words) Merge(tokens, left, right, merged);
        }
        return new(controlTokens, vocabulary, merges);
    }

    /// <summary>The corpus as distinct words with their counts, each a list of byte tokens.</summary>
    private static List<(List<int> Tokens, long Count)> Words(IEnumerable<string> texts)
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var text in texts)
            foreach (Match word in Split().Matches(text))
                counts[word.Value] = counts.GetValueOrDefault(word.Value) + 1;
        return [.. counts.Select(word => (Encoding.UTF8.GetBytes(word.Key).Select(value => (int)value).ToList(), word.Value))];
    }

    private static (int Left, int Right)? MostFrequentPair(List<(List<int> Tokens, long Count)> words)
    {
        var counts = new Dictionary<(int Left, int Right), long>();
        foreach (var (tokens, count) in words)
            for (var i = 1; i < tokens.Count; i++)
                counts[(tokens[i - 1], tokens[i])] = counts.GetValueOrDefault((tokens[i - 1], tokens[i])) + count;
        var best = counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).FirstOrDefault();
        return best.Value < 2 ? null : best.Key;
    }

    private static void Merge(List<int> tokens, int left, int right, int merged)
    {
        for (var i = 1; i < tokens.Count; i++)
        {
            if (tokens[i - 1] != left || tokens[i] != right) continue;
            tokens[i - 1] = merged;
            tokens.RemoveAt(i);
        }
    }
}
