using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Gram.Host.Reporting;

/// <summary>The parts that reports are made of. XML's writer escapes what models and users wrote.</summary>
internal static class Html
{
    /// <summary>Characters of a text, at most: an answer of many pages says no more in a table.</summary>
    private const int LongestText = 1500;

    /// <summary>A section under its heading.</summary>
    public static XElement Section(string title, params IEnumerable<object?> content) => new("section", new XElement("h2", title), content);

    /// <summary>A table. Rows stand below one another, cell by cell, where the screen is narrow and the table is not.</summary>
    /// <param name="id">Its name in the page.</param>
    /// <param name="head">Its columns' names; none for a list of names and values.</param>
    /// <param name="rows">Its rows; the first cell names the row.</param>
    public static XElement Table(string id, IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        IReadOnlyList<string>[] all = [.. rows];
        return new("table",
            new XAttribute("id", id),
            head.Count > 2 ? new XAttribute("class", "stacks") : null,
            head.Count == 0 ? null : new XElement("thead", new XElement("tr", head.Select((name, i) => new XElement("th", new XAttribute("scope", "col"), Numbered(all.Length > 0 && all.All(row => IsNumber(row[i]))), name)))),
            new XElement("tbody", "", all.Select(row => new XElement("tr", row.Select((cell, i) => Cell(cell, i == 0, head.Count > i ? head[i] : ""))))));
    }

    /// <summary>Without characters that no page may hold: answers of a model may have any.</summary>
    public static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // halves of surrogate pairs become U+FFFD
        {
            if (rune.Value > char.MaxValue || XmlConvert.IsXmlChar((char)rune.Value)) clean.Append(rune.ToString());
            else clean.Append('\uFFFD');
        }
        return clean.ToString();
    }

    /// <summary>A text without what no page may hold, cut where it is long.</summary>
    public static string Excerpt(string text) => Clean(text.Length <= LongestText ? text : $"{text[..LongestText]}… ({text.Length - LongestText} more characters)");

    /// <summary>A value as people read it.</summary>
    public static string Number(double value) =>
        value == 0 ? "0" : !double.IsFinite(value) ? "–" : Math.Abs(value) is >= 1e-3 and < 1e6 ? Invariant($"{value:0.####}") : Invariant($"{value:0.##e+0}");

    /// <summary>Text whose numbers are written the same everywhere.</summary>
    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static XElement Cell(string text, bool isName, string head) => new(isName ? "th" : "td",
        isName ? new XAttribute("scope", "row") : null,
        Numbered(IsNumber(text)),
        head.Length > 0 ? new XAttribute("data-head", head) : null,
        Excerpt(text));

    private static XAttribute? Numbered(bool isNumber) => isNumber ? new XAttribute("class", "number") : null;

    private static bool IsNumber(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
}
