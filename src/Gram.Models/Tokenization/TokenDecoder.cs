using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>tokenizer.json's decoder: from tokens, as the vocabulary writes them, to text.</summary>
internal static class TokenDecoder
{
    /// <summary>Builds the function; tokens are joined by spaces where the file has none, as the reference does.</summary>
    public static Func<IEnumerable<string>, string> Create(JsonFile? json)
    {
        if (json is null) return tokens => string.Join(' ', tokens);
        var step = Step(json);
        return tokens => string.Concat(step(tokens));
    }

    private static Func<IEnumerable<string>, IEnumerable<string>> Step(JsonFile json)
    {
        switch (json.Text("type"))
        {
            case "ByteLevel":
                return tokens => [Encoding.UTF8.GetString([.. tokens.SelectMany(ByteAlphabet.Read)])];
            case "Replace":
                var pattern = new Regex(TokenizerPattern.Read(json), RegexOptions.CultureInvariant);
                var replacement = json.Required("content", json.Text("content")).Replace("$", "$$", StringComparison.Ordinal);
                return tokens => tokens.Select(token => pattern.Replace(token, replacement));
            case "ByteFallback":
                return ByteFallback;
            case "Fuse":
                return tokens => [string.Concat(tokens)];
            case "Strip":
                var content = json.Required("content", json.Text("content"));
                var (start, stop) = (json.Integer("start") ?? 0, json.Integer("stop") ?? 0);
                return tokens => tokens.Select(token => Strip(token, content, start, stop));
            case "Sequence":
                var steps = json.Objects("decoders").Select(Step).ToArray();
                return tokens => steps.Aggregate(tokens, (current, step) => step(current));
            case var type:
                throw new GramException($"{json.Path}: decoder {type} is not supported (ByteLevel, Replace, ByteFallback, Fuse, Strip, Sequence)");
        }
    }

    /// <summary>Runs of tokens such as &lt;0xE2&gt; become the text of their bytes, or U+FFFD each where that is not UTF-8.</summary>
    private static IEnumerable<string> ByteFallback(IEnumerable<string> tokens)
    {
        var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                bytes.Add(value);
                continue;
            }
            if (bytes.Count > 0) yield return Flush();
            yield return token;
        }
        if (bytes.Count > 0) yield return Flush();

        string Flush()
        {
            var run = bytes.ToArray();
            bytes.Clear();
            try
            {
                return strict.GetString(run);
            }
            catch (DecoderFallbackException)
            {
                return new string('\uFFFD', run.Length);
            }
        }
    }

    private static string Strip(string token, string content, int start, int stop)
    {
        for (; start > 0 && token.StartsWith(content, StringComparison.Ordinal); start--) token = token[content.Length..];
        for (; stop > 0 && token.EndsWith(content, StringComparison.Ordinal); stop--) token = token[..^content.Length];
        return token;
    }
}
