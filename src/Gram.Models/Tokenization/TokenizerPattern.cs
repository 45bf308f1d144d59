using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>A "pattern" of tokenizer.json: {"String": …} or {"Regex": …}.</summary>
internal static class TokenizerPattern
{
    /// <summary>The pattern as a regular expression that .NET accepts.</summary>
    public static string Read(JsonFile json)
    {
        var pattern = json.Object("pattern") ?? throw new GramException($"{json.Path}: pattern is missing");
        if (pattern.Text("String") is { } literal) return Regex.Escape(literal);
        var regex = pattern.Required("Regex", pattern.Text("Regex"));
        try
        {
            _ = new Regex(regex, RegexOptions.CultureInvariant);
            return regex;
        }
        catch (ArgumentException error)
        {
            throw new GramException($"{json.Path}: regular expression {regex} is not supported: {error.Message}", error);
        }
    }
}
