using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>tokenizer.json's pre_tokenizer: cuts a text into the words inside which merges happen.</summary>
internal sealed class PreTokenizer
{
    /// <summary>GPT-2's pattern, which ByteLevel with use_regex stands for.</summary>
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly List<Func<string, IEnumerable<string>>> steps = [];

    /// <summary>Reads the steps; no steps where the file has none.</summary>
    public PreTokenizer(JsonFile? json)
    {
        if (json is not null) Add(json);
    }

    /// <summary>Whether words are bytes (in GPT-2's byte alphabet) rather than characters.</summary>
    public bool IsByteLevel { get; private set; }

    /// <summary>The words of a text.</summary>
    public IEnumerable<string> Split(string text) =>
        steps.Aggregate<Func<string, IEnumerable<string>>, IEnumerable<string>>([text], (words, step) => words.SelectMany(step));

    private void Add(JsonFile json)
    {
        if (IsByteLevel) throw new GramException($"{json.Path}: pre_tokenizer {json.Text("type")} after ByteLevel is not supported");
        switch (json.Text("type"))
        {
            case "Sequence":
                foreach (var step in json.Objects("pretokenizers")) Add(step);
                break;
            case "ByteLevel":
                if (json.Flag("add_prefix_space") == true) steps.Add(word => [word.StartsWith(' ') ? word : " " + word]);
                if (json.Flag("use_regex") ?? true) AddSplit(Gpt2, keepMatches: true, keepGaps: true);
                IsByteLevel = true;
                break;
            case "Split":
                var behavior = json.Required("behavior", json.Text("behavior"));
                var invert = json.Flag("invert") ?? false;
                if (behavior is not ("Isolated" or "Removed")) throw new GramException($"{json.Path}: Split behavior {behavior} is not supported (Isolated, Removed)");
                AddSplit(TokenizerPattern.Read(json), keepMatches: behavior == "Isolated" || invert, keepGaps: behavior == "Isolated" || !invert);
                break;
            case "Digits":
                AddSplit(json.Flag("individual_digits") == true ? @"\p{N}" : @"\p{N}+", keepMatches: true, keepGaps: true);
                break;
            case var type:
                throw new GramException($"{json.Path}: pre_tokenizer {type} is not supported (ByteLevel, Split, Digits, Sequence)");
        }
    }

    private void AddSplit(string pattern, bool keepMatches, bool keepGaps)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled);
        steps.Add(word => Cut(regex, word, keepMatches, keepGaps));
    }

    private static IEnumerable<string> Cut(Regex regex, string text, bool keepMatches, bool keepGaps)
    {
        var shadow = new BmpShadow(text);
        var end = 0;
        foreach (Match match in regex.Matches(shadow.Text))
        {
            if (match.Length == 0) continue;
            if (match.Index > end && keepGaps) yield return shadow.Original(end, match.Index);
            end = match.Index + match.Length;
            if (keepMatches) yield return shadow.Original(match.Index, end);
        }
        if (end < shadow.Text.Length && keepGaps) yield return shadow.Original(end, shadow.Text.Length);
    }
}
