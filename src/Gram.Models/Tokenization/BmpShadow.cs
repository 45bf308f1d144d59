using System.Text;

namespace Gram.Models.Tokenization;

/// <summary>
/// A text in which every character beyond the Basic Multilingual Plane is one stand-in of the same Unicode category.
/// .NET's regular expressions see UTF-16, so that \p{L} and \p{N} never match such a character and {1,3} counts it twice.
/// </summary>
internal readonly struct BmpShadow
{
    /// <summary>One character for each of the 30 values of <see cref="System.Globalization.UnicodeCategory"/>, in its order.</summary>
    private const string StandIns = "\u0531\u0561\u01C5\u02B0\u05D0\u0300\u0903\u20DD\u0660\u16EE\u00BD\u2003\u2028\u2029\u0080\u200B\uFFFD\uE000\u203F\u2013\u2768\u2769\u00AB\u00BB\u2020\u2211\u20A0\u02C2\u2603\u0378";

    private readonly string original;
    private readonly int[]? offsets; // [runes + 1] where each character of Text starts in the original

    /// <summary>Makes the shadow; a text without such characters is its own.</summary>
    public BmpShadow(string text)
    {
        original = Text = text;
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0) return;
        var shadow = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        var position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(position);
            shadow.Append(rune.IsBmp ? (char)rune.Value : StandIns[(int)Rune.GetUnicodeCategory(rune)]);
            position += rune.Utf16SequenceLength;
        }
        starts.Add(position);
        Text = shadow.ToString();
        offsets = [.. starts];
    }

    /// <summary>What to match against: one char for each character.</summary>
    public string Text { get; }

    /// <summary>The original of a range of <see cref="Text"/>.</summary>
    public string Original(int start, int end) =>
        offsets is null ? original[start..end] : original[offsets[start]..offsets[end]];
}
