using System.Text.RegularExpressions;

namespace Gram.Models.Tokenization;

/// <summary>
/// Recognises a checkpoint's jinja text: it is, but for layout, one of the published texts kept in Templates/, or it is
/// a plain loop over turns whose literals can be read off. Anything else is an error.
/// </summary>
internal static partial class TemplateRecogniser
{
    /// <summary>Published texts (from TRL's collection and the hub) and what renders them.</summary>
    private static readonly (string Resource, Func<string, ChatTemplate> Create)[] Published =
    [
        ("qwen3", _ => new Qwen3Template()),
        ("qwen3.2025-04", _ => new Qwen3Template()),
        ("qwen3_instruct_2507", _ => TurnTemplate.Qwen3Instruct2507),
        ("qwen2_5", _ => TurnTemplate.Qwen25),
        ("llama3", bos => TurnTemplate.Llama3.WithBos(bos)),
        ("llama3_1", bos => new Llama31Template("llama3_1", bos)),
        ("llama3_2", bos => new Llama31Template("llama3_2", bos)),
    ];

    /// <summary>The template of a jinja text.</summary>
    /// <exception cref="GramException">It is none of the known ones.</exception>
    public static ChatTemplate Recognise(string jinja, string? bosToken)
    {
        if (JinjaSource.Lines(jinja) is { } lines)
        {
            foreach (var (resource, create) in Published)
            {
                if (JinjaSource.Lines(ReadResource(resource))!.SequenceEqual(lines)) return create(bosToken ?? "<|begin_of_text|>");
            }
            if (ReadTurns(string.Join('\n', lines), bosToken) is { } format) return TurnTemplate.Of(format);
        }
        var start = Regex.Replace(jinja.Trim(), @"\s+", " ");
        throw new GramException($"the checkpoint's chat template is not a known one (\"{(start.Length <= 60 ? start : start[..60] + "…")}\"): set template to one of {string.Join(", ", ChatTemplate.Names)}");
    }

    /// <summary>Reads a loop over turns; null where the text is something else, or contradicts itself.</summary>
    private static TurnFormat? ReadTurns(string lines, string? bosToken)
    {
        var match = Turns().Match(lines);
        if (!match.Success) return null;
        if (match.Groups["bos"].Success && bosToken is null)
            throw new GramException("the chat template writes the tokenizer's bos_token: name it");

        var (open, separator, close) = (Literal("open"), Literal("separator"), Literal("close"));
        if (match.Groups["prompt"].Success && Literal("prompt") != $"{open}assistant{separator}") return null;
        string? system = null;
        if (match.Groups["system"].Success)
        {
            var (before, turn) = ($"{open}system{separator}", Literal("system"));
            if (turn.Length < before.Length + close.Length || !turn.StartsWith(before, StringComparison.Ordinal) || !turn.EndsWith(close, StringComparison.Ordinal)) return null;
            system = turn[before.Length..^close.Length];
        }
        return new(match.Groups["bos"].Success ? bosToken! : "", system, open, separator, close, match.Groups["trim"].Success);

        string Literal(string group) => JinjaSource.Unquote(match.Groups[group].Value);
    }

    [GeneratedRegex("""
        ^(%if\ not\ add_generation_prompt\ is\ defined%\n%set\ add_generation_prompt=false%\n%endif%\n)?
        (?<bos>\{bos_token\}\n)?
        (%if\ messages\[0\]\.role!="system"%\n(?<system>"[^"]+")\n%endif%\n)?
        %for\ message\ in\ messages%\n
        (%if\ loop\.first\ and\ messages\[0\]\.role!="system"%\n(?<system>"[^"]+")\n%endif%\n)?
        (?<open>"[^"]+")\n\{message\.role\}\n(?<separator>"[^"]+")\n\{message\.content(?<trim>\|trim)?\}\n(?<close>"[^"]+")\n
        %endfor%\n
        %if\ add_generation_prompt%\n(?<prompt>"[^"]+")\n%endif%$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Turns();

    private static string ReadResource(string name)
    {
        using var reader = new StreamReader(typeof(TemplateRecogniser).Assembly.GetManifestResourceStream($"{name}.jinja")!);
        return reader.ReadToEnd();
    }
}
