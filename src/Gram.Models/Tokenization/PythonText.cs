namespace Gram.Models.Tokenization;

/// <summary>Python's string methods where .NET's differ, as jinja templates call them.</summary>
internal static class PythonText
{
    /// <summary>str.strip(): white space as Python sees it, which the separators U+001C to U+001F are.</summary>
    public static string Strip(string text)
    {
        var start = 0;
        var end = text.Length;
        while (start < end && IsSpace(text[start])) start++;
        while (end > start && IsSpace(text[end - 1])) end--;
        return text[start..end];

        static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\u001C' and <= '\u001F';
    }
}
