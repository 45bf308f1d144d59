using System.Text;

namespace Gram.Models.Tokenization;

/// <summary>
/// A jinja text reduced to what it means: comments and layout gone, one way of quoting and of naming fields, and what is
/// printed in a row split into its parts. Two texts with equal lines render alike; nothing is executed.
/// </summary>
internal static class JinjaSource
{
    /// <summary>
    /// Lines: <c>%statement%</c>, <c>{expression}</c> and <c>"literal text"</c>. Blocks trim as transformers sets them
    /// (trim_blocks, lstrip_blocks). Null where the text is not well-formed.
    /// </summary>
    public static IReadOnlyList<string>? Lines(string jinja)
    {
        jinja = jinja.ReplaceLineEndings("\n");
        if (jinja.EndsWith('\n')) jinja = jinja[..^1]; // jinja drops one newline at the end
        var lines = new List<string>();
        var literal = new StringBuilder();
        for (var position = 0; position < jinja.Length;)
        {
            var tag = NextTag(jinja, position);
            var text = jinja[position..(tag < 0 ? jinja.Length : tag)];
            if (tag < 0)
            {
                literal.Append(text);
                break;
            }
            var kind = jinja[tag + 1];
            var inner = tag + 2;
            if (inner < jinja.Length && jinja[inner] == '-')
            {
                text = text.TrimEnd();
                inner++;
            }
            else if (kind != '{')
            {
                text = StripIndent(text);
            }
            literal.Append(text);

            var close = CloseOf(jinja, inner, kind);
            if (close < 0) return null;
            var trims = jinja[close - 1] == '-' && close - 1 >= inner;
            var body = jinja[inner..(trims ? close - 1 : close)];
            position = close + 2;
            if (trims)
            {
                while (position < jinja.Length && char.IsWhiteSpace(jinja[position])) position++;
            }
            else if (kind != '{' && position < jinja.Length && jinja[position] == '\n')
            {
                position++;
            }
            if (kind == '{') AddPrinted(body, lines, literal);
            else if (kind == '%') AddLine($"%{Expression(body)}%", lines, literal);
        }
        Flush(lines, literal);
        return lines;
    }

    private static int NextTag(string jinja, int position)
    {
        for (var i = position; i + 1 < jinja.Length; i++)
        {
            if (jinja[i] == '{' && jinja[i + 1] is '{' or '%' or '#') return i;
        }
        return -1;
    }

    /// <summary>Where the tag's closing bracket starts, outside of strings.</summary>
    private static int CloseOf(string jinja, int position, char kind)
    {
        var end = kind == '{' ? "}}" : $"{kind}}}";
        char? quote = null;
        for (var i = position; i < jinja.Length - 1; i++)
        {
            if (quote is not null && jinja[i] == '\\') i++;
            else if (quote is { } open) quote = jinja[i] == open ? null : open;
            else if (kind != '#' && jinja[i] is '\'' or '"') quote = jinja[i];
            else if (string.CompareOrdinal(jinja, i, end, 0, 2) == 0) return i;
        }
        return -1;
    }

    private static string StripIndent(string text)
    {
        var lineStart = text.LastIndexOf('\n') + 1;
        return string.IsNullOrWhiteSpace(text[lineStart..]) ? text[..lineStart] : text;
    }

    /// <summary>Printed sums (and ~, jinja's other way to join) are their summands printed in a row.</summary>
    private static void AddPrinted(string body, List<string> lines, StringBuilder literal)
    {
        foreach (var operand in Summands(Expression(body)))
        {
            if (operand.StartsWith('"') && operand.IndexOf('"', 1) == operand.Length - 1) literal.Append(Unquote(operand));
            else AddLine($"{{{operand}}}", lines, literal);
        }
    }

    private static IEnumerable<string> Summands(string expression)
    {
        var depth = 0;
        var start = 0;
        var quoted = false;
        for (var i = 0; i < expression.Length; i++)
        {
            if (expression[i] == '"') quoted = !quoted;
            if (quoted) continue;
            if (expression[i] is '(' or '[' or '{') depth++;
            if (expression[i] is ')' or ']' or '}') depth--;
            if (expression[i] is not ('+' or '~') || depth != 0) continue;
            yield return expression[start..i];
            start = i + 1;
        }
        yield return expression[start..];
    }

    /// <summary>An expression without layout: strings in double quotes, a['b'] as a.b.</summary>
    private static string Expression(string body)
    {
        var text = new StringBuilder();
        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] is '\'' or '"')
            {
                var value = ReadString(body, ref i);
                text.Append(Quote(value));
                if (i + 1 < body.Length && body[i + 1] == ']' && value.Length > 0 && value.All(IsWord) && EndsWithSubscript(text, value))
                {
                    text.Length -= Quote(value).Length + 1;
                    text.Append('.').Append(value);
                    i++;
                }
            }
            else if (!char.IsWhiteSpace(body[i]))
            {
                text.Append(body[i]);
            }
            else if (text.Length > 0 && IsWord(text[^1]))
            {
                var next = i;
                while (next < body.Length && char.IsWhiteSpace(body[next])) next++;
                if (next < body.Length && (IsWord(body[next]) || body[next] is '\'' or '"')) text.Append(' ');
                i = next - 1;
            }
        }
        return text.ToString();
    }

    private static bool EndsWithSubscript(StringBuilder text, string value)
    {
        var bracket = text.Length - Quote(value).Length - 1;
        return bracket > 0 && text[bracket] == '[' && (IsWord(text[bracket - 1]) || text[bracket - 1] is ']' or ')');
    }

    private static string ReadString(string body, ref int i)
    {
        var quote = body[i++];
        var value = new StringBuilder();
        for (; i < body.Length && body[i] != quote; i++)
        {
            if (body[i] != '\\' || i + 1 >= body.Length)
            {
                value.Append(body[i]);
                continue;
            }
            value.Append(body[++i] switch { 'n' => "\n", 't' => "\t", 'r' => "\r", '\\' => "\\", '\'' => "'", '"' => "\"", var other => $"\\{other}" });
        }
        return value.ToString();
    }

    /// <summary>Quotes without a double quote inside, so that the end of a string is the next one.</summary>
    private static string Quote(string value) => $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\q", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"";

    /// <summary>The text of a quoted line.</summary>
    public static string Unquote(string quoted)
    {
        var value = new StringBuilder();
        for (var i = 1; i < quoted.Length - 1; i++)
            value.Append(quoted[i] != '\\' ? quoted[i] : quoted[++i] switch { 'n' => '\n', 'q' => '"', var other => other });
        return value.ToString();
    }

    private static void AddLine(string line, List<string> lines, StringBuilder literal)
    {
        Flush(lines, literal);
        lines.Add(line);
    }

    private static void Flush(List<string> lines, StringBuilder literal)
    {
        if (literal.Length > 0) lines.Add(Quote(literal.ToString()));
        literal.Clear();
    }

    private static bool IsWord(char character) => char.IsAsciiLetterOrDigit(character) || character == '_';
}
