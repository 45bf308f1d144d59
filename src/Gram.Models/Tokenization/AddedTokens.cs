using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>A token that was added to the vocabulary, and is found in a text before anything else happens to it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">Whether it is a control token.</param>
/// <param name="IsNormalized">Whether it is looked for in normalised text.</param>
/// <param name="IsSingleWord">Whether letters beside it hide it.</param>
/// <param name="StripsLeft">Whether it takes the white space before it.</param>
/// <param name="StripsRight">Whether it takes the white space after it.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial, bool IsNormalized, bool IsSingleWord, bool StripsLeft, bool StripsRight)
{
    /// <summary>Reads an entry of added_tokens.</summary>
    public static AddedToken Read(JsonFile json) => new(
        json.Required("id", json.Integer("id")),
        json.Required("content", json.Text("content")),
        json.Flag("special") ?? false,
        json.Flag("normalized") ?? !(json.Flag("special") ?? false),
        json.Flag("single_word") ?? false,
        json.Flag("lstrip") ?? false,
        json.Flag("rstrip") ?? false);
}

/// <summary>A part of a text: an added token, or the text between two of them.</summary>
internal readonly record struct TextPart(string Text, AddedToken? Token);

/// <summary>Finds added tokens in a text: leftmost first, of those the longest.</summary>
internal sealed class AddedTokenSplitter
{
    private readonly Regex? regex;
    private readonly Dictionary<string, AddedToken> byContent = [];

    /// <summary>Prepares the search for tokens as they stand in the text after <paramref name="normalize"/>.</summary>
    public AddedTokenSplitter(IEnumerable<AddedToken> tokens, Func<string, string> normalize)
    {
        foreach (var token in tokens) byContent[normalize(token.Content)] = token;
        byContent.Remove("");
        if (byContent.Count == 0) return;
        var longestFirst = byContent.Keys.OrderByDescending(content => content.Length).ThenBy(content => content, StringComparer.Ordinal);
        regex = new Regex(string.Join('|', longestFirst.Select(Regex.Escape)), RegexOptions.CultureInvariant);
    }

    /// <summary>Cuts a text. Control tokens stay text unless allowed.</summary>
    public IEnumerable<TextPart> Split(string text, bool allowControlTokens)
    {
        var end = 0;
        foreach (Match match in regex?.Matches(text) ?? Enumerable.Empty<Match>())
        {
            var token = byContent[match.Value];
            var (start, stop) = (match.Index, match.Index + match.Length);
            if (start < end || (token.IsSpecial && !allowControlTokens)) continue;
            if (token.IsSingleWord && (IsWord(text, start - 1) || IsWord(text, stop))) continue;
            while (token.StripsLeft && start > end && char.IsWhiteSpace(text[start - 1])) start--;
            while (token.StripsRight && stop < text.Length && char.IsWhiteSpace(text[stop])) stop++;
            if (start > end) yield return new(text[end..start], null);
            yield return new(text[start..stop], token);
            end = stop;
        }
        if (end < text.Length) yield return new(text[end..], null);
    }

    /// <summary>Whether the character that starts (or ends) at an index is one of \w.</summary>
    private static bool IsWord(string text, int index)
    {
        if (index < 0 || index >= text.Length) return false;
        if (char.IsLowSurrogate(text[index]) && index > 0) index--;
        return Rune.TryGetRuneAt(text, index, out var rune) && Rune.GetUnicodeCategory(rune)
            is <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
    }
}
