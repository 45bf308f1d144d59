using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>A step of tokenizer.json's decoder: takes tokens, as the vocabulary writes them, and hands text to the next step as soon as it is certain.</summary>
internal abstract class TokenDecoder
{
    /// <summary>Takes in a token; after a step that has fused them, a part of the one token that the whole text is.</summary>
    public abstract void Push(string token);

    /// <summary>Ends the text.</summary>
    public abstract void Flush();

    /// <summary>Reads a decoder; what it makes begins it anew and writes to the end of a text. Where the file has none, tokens are joined by spaces, as the reference does.</summary>
    public static Func<StringBuilder, TokenDecoder> Read(JsonFile? json)
    {
        if (json is null) return text => new Join(new End(text));
        var fused = false;
        var step = Step(json, ref fused);
        return text => step(new End(text));
    }

    private static Func<TokenDecoder, TokenDecoder> Step(JsonFile json, ref bool fused)
    {
        switch (json.Text("type"))
        {
            case "ByteLevel":
                var inParts = fused;
                fused = true;
                return next => inParts ? new Whole(new ByteLevel(next)) : new ByteLevel(next);
            case "Replace":
                var pattern = new Regex(TokenizerPattern.Read(json), RegexOptions.CultureInvariant);
                var replacement = json.Required("content", json.Text("content")).Replace("$", "$$", StringComparison.Ordinal);
                return Mapped(token => pattern.Replace(token, replacement), fused);
            case "ByteFallback":
                var whole = fused;
                return next => whole ? new Whole(new ByteFallback(next)) : new ByteFallback(next);
            case "Fuse":
                fused = true;
                return next => next;
            case "Strip":
                var content = json.Required("content", json.Text("content"));
                var (start, stop) = (json.Integer("start") ?? 0, json.Integer("stop") ?? 0);
                return fused && stop == 0 ? next => new StripStart(next, content, start) : Mapped(token => Strip(token, content, start, stop), fused);
            case "Sequence":
                var steps = new List<Func<TokenDecoder, TokenDecoder>>();
                foreach (var inner in json.Objects("decoders")) steps.Add(Step(inner, ref fused));
                steps.Reverse();
                return next => steps.Aggregate(next, (following, step) => step(following));
            case var type:
                throw new GramException($"{json.Path}: decoder {type} is not supported (ByteLevel, Replace, ByteFallback, Fuse, Strip, Sequence)");
        }
    }

    private static Func<TokenDecoder, TokenDecoder> Mapped(Func<string, string> map, bool fused) => next => fused ? new Whole(new Map(next, map)) : new Map(next, map);

    private static string Strip(string token, string content, int start, int stop)
    {
        for (; start > 0 && token.StartsWith(content, StringComparison.Ordinal); start--) token = token[content.Length..];
        for (; stop > 0 && token.EndsWith(content, StringComparison.Ordinal); stop--) token = token[..^content.Length];
        return token;
    }

    /// <summary>The text that the last step writes to.</summary>
    private sealed class End(StringBuilder text) : TokenDecoder
    {
        public override void Push(string token) => text.Append(token);

        public override void Flush()
        {
            // Everything is written.
        }
    }

    /// <summary>Puts a space between tokens.</summary>
    private sealed class Join(TokenDecoder next) : TokenDecoder
    {
        private bool follows;

        public override void Push(string token)
        {
            next.Push(follows ? " " + token : token);
            follows = true;
        }

        public override void Flush() => next.Flush();
    }

    /// <summary>Changes each token for itself.</summary>
    private sealed class Map(TokenDecoder next, Func<string, string> map) : TokenDecoder
    {
        public override void Push(string token) => next.Push(map(token));

        public override void Flush() => next.Flush();
    }

    /// <summary>Puts the parts of a fused text together, for a step that reads it as one token.</summary>
    private sealed class Whole(TokenDecoder next) : TokenDecoder
    {
        private readonly StringBuilder parts = new();

        public override void Push(string token) => parts.Append(token);

        public override void Flush()
        {
            next.Push(parts.ToString());
            parts.Clear();
            next.Flush();
        }
    }

    /// <summary>Strips the beginning of a fused text.</summary>
    private sealed class StripStart(TokenDecoder next, string content, int start) : TokenDecoder
    {
        private string held = "";

        public override void Push(string token)
        {
            var text = held + token;
            for (; start > 0 && text.StartsWith(content, StringComparison.Ordinal); start--) text = text[content.Length..];
            var undecided = start > 0 && content.StartsWith(text, StringComparison.Ordinal);
            if (!undecided) start = 0;
            held = undecided ? text : "";
            if (!undecided) next.Push(text);
        }

        public override void Flush()
        {
            if (held.Length > 0) next.Push(held);
            held = "";
            next.Flush();
        }
    }

    /// <summary>Bytes in the byte alphabet: a character that several tokens write comes with the last of them.</summary>
    private sealed class ByteLevel(TokenDecoder next) : TokenDecoder
    {
        private readonly Decoder utf8 = Encoding.UTF8.GetDecoder();

        public override void Push(string token) => Decode(ByteAlphabet.Read(token), flush: false);

        public override void Flush()
        {
            Decode([], flush: true);
            next.Flush();
        }

        private void Decode(byte[] bytes, bool flush)
        {
            // Each byte, and each one held back, makes a char at most.
            var characters = new char[bytes.Length + 4];
            var count = utf8.GetChars(bytes, characters, flush);
            if (count > 0) next.Push(new string(characters, 0, count));
        }
    }

    /// <summary>Runs of tokens such as &lt;0xE2&gt; become the text of their bytes, or U+FFFD each where the run is not UTF-8: so a run is text when it is over.</summary>
    private sealed class ByteFallback(TokenDecoder next) : TokenDecoder
    {
        private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

        private readonly List<byte> run = [];

        public override void Push(string token)
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                run.Add(value);
                return;
            }
            EndRun();
            next.Push(token);
        }

        public override void Flush()
        {
            EndRun();
            next.Flush();
        }

        private void EndRun()
        {
            if (run.Count == 0) return;
            var bytes = run.ToArray();
            run.Clear();
            string text;
            try
            {
                text = Strict.GetString(bytes);
            }
            catch (DecoderFallbackException)
            {
                text = new string('\uFFFD', bytes.Length);
            }
            next.Push(text);
        }
    }
}
