using System.Text;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>A Hugging Face tokenizer.json (BPE: byte-level, or with byte fallback), equal to Hugging Face's own on ids.</summary>
public sealed class Tokenizer
{
    /// <summary>Name of the file that holds a tokenizer.</summary>
    public const string FileName = "tokenizer.json";

    private const string ConfigFile = "tokenizer_config.json", TemplateFile = "chat_template.jinja";

    private readonly TokenizerSources sources;
    private readonly Func<string, string> normalize;
    private readonly PreTokenizer preTokenizer;
    private readonly BytePairModel model;
    private readonly PostProcessor postProcessor;
    private readonly Func<StringBuilder, TokenDecoder> decoder;
    private readonly AddedTokenSplitter rawTokens, normalizedTokens;
    private readonly Dictionary<string, AddedToken> added = [];
    private readonly Dictionary<string, int> controlTokens;
    private readonly Dictionary<int, string> tokens;
    private readonly HashSet<int> controlIds;

    private Tokenizer(string directory)
    {
        var json = JsonFile.Read(Path.Combine(directory, FileName));
        foreach (var token in json.Objects("added_tokens").Select(AddedToken.Read)) added[token.Content] = token;
        controlTokens = added.Values.Where(token => token.IsSpecial).ToDictionary(token => token.Content, token => token.Id);
        controlIds = [.. controlTokens.Values];

        normalize = Normalizer.Create(json.Object("normalizer"));
        rawTokens = new(added.Values.Where(token => !token.IsNormalized), text => text);
        normalizedTokens = new(added.Values.Where(token => token.IsNormalized), normalize);
        preTokenizer = new(json.Object("pre_tokenizer"));
        model = new(json.Object("model") ?? throw new GramException($"{json.Path}: model is missing"), preTokenizer.IsByteLevel, controlIds);
        postProcessor = PostProcessor.Read(json.Object("post_processor"));
        decoder = TokenDecoder.Read(json.Object("decoder"));
        tokens = model.Vocabulary.ToDictionary(pair => pair.Value, pair => pair.Key);
        foreach (var token in added.Values) tokens[token.Id] = token.Content;

        var config = JsonFile.ReadIfPresent(Path.Combine(directory, ConfigFile));
        BosTokenId = SpecialToken(config, "bos_token");
        EosTokenId = SpecialToken(config, "eos_token");
        PadTokenId = SpecialToken(config, "pad_token");
        var template = Path.Combine(directory, TemplateFile);
        ChatTemplateSource = File.Exists(template) ? File.ReadAllText(template) : ChatTemplateOf(config);
        sources = TokenizerSources.Read(directory);
    }

    /// <summary>Loads tokenizer.json and tokenizer_config.json of a directory.</summary>
    /// <exception cref="GramException">A file is missing, broken, or asks for what is not supported; the message names it.</exception>
    public static Tokenizer Load(string directory) => new(directory);

    /// <summary>Ids of a text. User text never becomes a control token unless <paramref name="allowControlTokens"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether the tokenizer's own BOS or EOS is added (its post-processor).</param>
    /// <param name="allowControlTokens">Whether control tokens written in the text become their ids.</param>
    public int[] Encode(string text, bool addSpecialTokens = false, bool allowControlTokens = false)
    {
        var ids = new List<int>();
        if (addSpecialTokens) ids.AddRange(postProcessor.Prefix);
        foreach (var raw in rawTokens.Split(text, allowControlTokens))
        {
            if (raw.Token is { } token) ids.Add(token.Id);
            else EncodeNormalized(normalize(raw.Text), allowControlTokens, ids);
        }
        if (addSpecialTokens) ids.AddRange(postProcessor.Suffix);
        return [.. ids];
    }

    /// <summary>Text of ids; bytes that are not UTF-8 become U+FFFD. Ids that stand for nothing are left out.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true)
    {
        var text = new StringBuilder();
        var steps = NewDecoder(text);
        foreach (var id in ids)
        {
            if (WrittenToken(id, skipSpecialTokens) is { } token) steps.Push(token);
        }
        steps.Flush();
        return text.ToString();
    }

    /// <summary>Id of a token as written in the vocabulary or among the control tokens (for example "&lt;|im_end|&gt;"), or null.</summary>
    public int? TokenId(string token) =>
        added.TryGetValue(token, out var special) ? special.Id
        : model.Vocabulary.TryGetValue(token, out var id) ? id
        : null;

    /// <summary>A token as the vocabulary writes it, or null for an id that stands for nothing.</summary>
    public string? TokenText(int id) => tokens.GetValueOrDefault(id);

    /// <summary>Number of ids, control tokens included.</summary>
    public int Count => tokens.Count;
    /// <summary>Control tokens (added tokens that are special) by text.</summary>
    public IReadOnlyDictionary<string, int> ControlTokens => controlTokens;
    /// <summary>Begin-of-text id of tokenizer_config.json, if any.</summary>
    public int? BosTokenId { get; }
    /// <summary>End-of-text id of tokenizer_config.json, if any.</summary>
    public int? EosTokenId { get; }
    /// <summary>Padding id of tokenizer_config.json, if any.</summary>
    public int? PadTokenId { get; }
    /// <summary>The checkpoint's chat template (chat_template.jinja, else tokenizer_config.json), if any.</summary>
    public string? ChatTemplateSource { get; }
    /// <summary>Ids that the tokenizer puts before a text (its BOS), if any.</summary>
    public IReadOnlyList<int> Prefix => postProcessor.Prefix;

    /// <summary>A decoder at the beginning of a text, which it writes to the end of this one.</summary>
    internal TokenDecoder NewDecoder(StringBuilder text) => decoder(text);

    /// <summary>A token as the decoder reads it; null where it leaves no text.</summary>
    internal string? WrittenToken(int id, bool skipSpecialTokens) => skipSpecialTokens && controlIds.Contains(id) ? null : tokens.GetValueOrDefault(id);

    /// <summary>Copies the loaded checkpoint's tokenizer files byte for byte into a directory, instead of those that it has.</summary>
    internal void CopyTo(string directory) => sources.Write(directory);

    /// <summary>Cuts template text at its control tokens.</summary>
    internal IEnumerable<TextPart> SplitAtControlTokens(string text) =>
        rawTokens.Split(text, allowControlTokens: true).Select(part => part.Token is { IsSpecial: false } ? part with { Token = null } : part);

    private void EncodeNormalized(string text, bool allowControlTokens, List<int> ids)
    {
        foreach (var part in normalizedTokens.Split(text, allowControlTokens))
        {
            if (part.Token is { } token)
            {
                ids.Add(token.Id);
                continue;
            }
            foreach (var word in preTokenizer.Split(part.Text)) model.Encode(word, ids);
        }
    }

    /// <summary>bos_token and its like are a string, or an object with content.</summary>
    private int? SpecialToken(JsonFile? config, string key)
    {
        var content = config?.Root[key] is JsonObject ? config.Object(key)!.Text("content") : config?.Text(key);
        if (content is null) return null;
        return TokenId(content) ?? throw new GramException($"{config!.Path}: {key} {content} is in no vocabulary of {FileName}");
    }

    /// <summary>chat_template is a string, or a list of named ones.</summary>
    private static string? ChatTemplateOf(JsonFile? config) => config?.Root["chat_template"] is JsonArray
        ? config.Objects("chat_template").FirstOrDefault(entry => entry.Text("name") == "default")?.Text("template")
        : config?.Text("chat_template");
}
