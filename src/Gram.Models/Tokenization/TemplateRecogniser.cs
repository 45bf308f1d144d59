using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Gram.Models.Tokenization;

/// <summary>
/// Recognises a checkpoint's jinja text: its lines have the fingerprint of a published text (so layout may differ), or it
/// is a plain loop over turns whose literals can be read off. Anything else is an error.
/// </summary>
internal static partial class TemplateRecogniser
{
    /// <summary>SHA-256 of the published texts' lines, and what renders them.</summary>
    private static readonly Dictionary<string, Func<string, ChatTemplate>> Published = new()
    {
        ["5485d46f9ec1636765608ac11c67f667a5435a1728ef84b132ec8f99ebac2d14"] = _ => new Qwen3Template(),
        ["50da107521442213876d378316a9d71b44360f41e954e22b591f3508d567e549"] = _ => new Qwen3Template(), // as first released, April 2025
        ["f02c7b603758d2d1bb03c1bb5d088cd13c6009120a312ea30422583e834526f2"] = _ => TurnTemplate.Qwen3Instruct2507,
        ["cf8f727f9f2f496ca63ee33c3c36e867bd4913f3917d9af4f8dd2d3bb7cd22a5"] = _ => TurnTemplate.Qwen25,
        ["86aae981b9740bedbbc8757809d70196b01f2d1451c6bb9f00b20e965966af12"] = bos => TurnTemplate.Llama3.WithBos(bos),
        ["84dc9296d82637780f7e730cabfefcdaf529686c06c20dfbfafff0952191aa3c"] = bos => new Llama31Template("llama3_1", bos),
        ["ade73c46b8bf561672084d5a8a8e9c2243c056783b4fb94625c2ed8ee91f9fd3"] = bos => new Llama31Template("llama3_2", bos),
    };

    /// <summary>The template of a jinja text.</summary>
    /// <exception cref="GramException">It is none of the known ones.</exception>
    public static ChatTemplate Recognise(string jinja, string? bosToken)
    {
        if (JinjaSource.Lines(jinja) is { } lines)
        {
            var text = string.Join('\n', lines);
            if (Published.TryGetValue(Fingerprint(text), out var create)) return create(bosToken ?? "<|begin_of_text|>");
            if (ReadTurns(text, bosToken) is { } format) return TurnTemplate.Of(format);
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

    private static string Fingerprint(string lines) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines)));
}
