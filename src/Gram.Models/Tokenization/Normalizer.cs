using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>tokenizer.json's normalizer: a function from text to text.</summary>
internal static class Normalizer
{
    /// <summary>Builds the function; null where the file has none.</summary>
    public static Func<string, string> Create(JsonFile? json)
    {
        switch (json?.Text("type"))
        {
            case null:
                return text => text;
            case "NFC":
                return UnicodeComposition.Compose;
            case "NFD":
                return UnicodeComposition.Decompose;
            case "Prepend":
                var prefix = json.Required("prepend", json.Text("prepend"));
                return text => text.Length == 0 ? text : prefix + text;
            case "Replace":
                var pattern = new Regex(TokenizerPattern.Read(json), RegexOptions.CultureInvariant);
                var content = json.Required("content", json.Text("content")).Replace("$", "$$", StringComparison.Ordinal);
                return text => pattern.Replace(text, content);
            case "Sequence":
                var steps = json.Objects("normalizers").Select(Create).ToArray();
                return text => steps.Aggregate(text, (current, step) => step(current));
            case var type:
                throw new GramException($"{json.Path}: normalizer {type} is not supported (NFC, NFD, Prepend, Replace, Sequence)");
        }
    }
}
