using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Microsoft.ML.Tokenizers;

namespace Gram.Models.Tokenization;

/// <summary>
/// tokenizer.json's BPE model. The merges are Microsoft.ML.Tokenizers'; what it lacks is added here: merges given as
/// pairs, ignore_merges (Llama 3) and byte fallback (Llama 2's kind of vocabulary).
/// </summary>
internal sealed class BytePairModel
{
    private readonly BpeTokenizer merger;
    private readonly bool isByteLevel;
    private readonly bool ignoreMerges;
    private readonly bool fuseUnknown;
    private readonly int? unknownId;
    private readonly int[]? byteIds; // [256] ids of <0x00> … <0xFF>
    private readonly HashSet<int> controlIds;

    /// <summary>Reads the model.</summary>
    /// <param name="json">The "model" object.</param>
    /// <param name="isByteLevel">Whether words are written in GPT-2's byte alphabet.</param>
    /// <param name="controlIds">Ids that no text may become.</param>
    public BytePairModel(JsonFile json, bool isByteLevel, HashSet<int> controlIds)
    {
        this.isByteLevel = isByteLevel;
        this.controlIds = controlIds;
        RefuseWhatIsNotBuilt(json);
        Vocabulary = ReadVocabulary(json);
        ignoreMerges = json.Flag("ignore_merges") ?? false;
        fuseUnknown = json.Flag("fuse_unk") ?? false;
        unknownId = json.Text("unk_token") is { } unknown ? json.Required($"vocab.{unknown}", Find(unknown)) : null;
        if (json.Flag("byte_fallback") == true)
            byteIds = [.. Enumerable.Range(0, 256).Select(value => json.Required($"vocab.<0x{value:X2}>", Find($"<0x{value:X2}>")))];
        try
        {
            merger = BpeTokenizer.Create(new BpeOptions(Vocabulary) { Merges = ReadMerges(json), ByteLevel = isByteLevel });
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or KeyNotFoundException)
        {
            throw new GramException($"{json.Path}: merges do not fit the vocabulary: {error.Message}", error);
        }
    }

    /// <summary>Ids by token, as the file writes them.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>Appends a word's ids.</summary>
    public void Encode(string word, List<int> ids)
    {
        if (ignoreMerges && Find(isByteLevel ? ByteAlphabet.Write(word) : word) is { } whole && !controlIds.Contains(whole))
            ids.Add(whole);
        else if (isByteLevel)
            ids.AddRange(Merge(word));
        else
            EncodeCharacters(word, ids);
    }

    private IReadOnlyList<int> Merge(string text) => merger.EncodeToIds(text, considerPreTokenization: false, considerNormalization: false);

    /// <summary>Characters that the vocabulary lacks become their bytes, or unknown; merges happen between them.</summary>
    private void EncodeCharacters(string word, List<int> ids)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var known = new StringBuilder();
        var afterUnknown = false;
        foreach (var rune in word.EnumerateRunes())
        {
            if (Find(rune.ToString()) is not null)
            {
                known.Append(rune.ToString());
                afterUnknown = false;
                continue;
            }
            Flush();
            if (byteIds is not null)
            {
                foreach (var value in utf8[..rune.EncodeToUtf8(utf8)]) ids.Add(byteIds[value]);
            }
            else if (unknownId is { } id && !(afterUnknown && fuseUnknown))
            {
                ids.Add(id);
                afterUnknown = true;
            }
        }
        Flush();

        void Flush()
        {
            if (known.Length > 0) ids.AddRange(Merge(known.ToString()));
            known.Clear();
        }
    }

    private int? Find(string token) => Vocabulary.TryGetValue(token, out var id) ? id : null;

    private static void RefuseWhatIsNotBuilt(JsonFile json)
    {
        if (json.Text("type") is { } type && type != "BPE") throw new GramException($"{json.Path}: model type {type} is not supported (BPE)");
        foreach (var key in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (json.Text(key) is { Length: > 0 } affix) throw new GramException($"{json.Path}: {key} {affix} is not supported");
        }
        if (json.Number("dropout") is > 0) throw new GramException($"{json.Path}: dropout is not supported");
    }

    private static Dictionary<string, int> ReadVocabulary(JsonFile json)
    {
        var vocab = json.Object("vocab") ?? throw new GramException($"{json.Path}: model.vocab is missing");
        var ids = new Dictionary<string, int>(vocab.Root.Count);
        foreach (var (token, id) in vocab.Root) ids.Add(token, vocab.Required(token, vocab.Integer(token)));
        return ids;
    }

    /// <summary>Merges as the library wants them, "left right"; files hold such strings or pairs.</summary>
    private static IEnumerable<string> ReadMerges(JsonFile json)
    {
        if (json.Root["merges"] is not JsonArray merges) throw new GramException($"{json.Path}: model.merges is missing");
        return merges.Select((merge, index) => merge switch
        {
            JsonArray { Count: 2 } pair => $"{Half(pair[0])} {Half(pair[1])}",
            { } text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
            _ => throw json.Wrong($"merges[{index}]", merge, "a pair of tokens"),
        });

        string Half(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw json.Wrong("merges", node, "pairs of tokens");
    }
}
