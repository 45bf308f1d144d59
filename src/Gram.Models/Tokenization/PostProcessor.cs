using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>tokenizer.json's post_processor for a single text: ids before it (BOS) and after it (EOS).</summary>
internal sealed record PostProcessor(IReadOnlyList<int> Prefix, IReadOnlyList<int> Suffix)
{
    /// <summary>Reads the post-processor; one that adds nothing where the file has none.</summary>
    public static PostProcessor Read(JsonFile? json)
    {
        switch (json?.Text("type"))
        {
            case null or "ByteLevel": // ByteLevel's only trims offsets
                return new([], []);
            case "Sequence":
                return json.Objects("processors").Select(Read).Aggregate((inner, outer) => new([.. outer.Prefix, .. inner.Prefix], [.. inner.Suffix, .. outer.Suffix]));
            case "TemplateProcessing":
                return ReadTemplate(json);
            case var type:
                throw new GramException($"{json.Path}: post_processor {type} is not supported (TemplateProcessing, ByteLevel, Sequence)");
        }
    }

    private static PostProcessor ReadTemplate(JsonFile json)
    {
        List<int> prefix = [], suffix = [];
        var current = prefix;
        foreach (var piece in json.Objects("single"))
        {
            if (piece.Object("SpecialToken") is not { } special)
            {
                current = suffix;
                continue;
            }
            var token = special.Required("id", special.Text("id"));
            var ids = json.Object("special_tokens")?.Object(token)?.Integers("ids");
            current.AddRange(ids ?? throw new GramException($"{json.Path}: post_processor's special_tokens lacks {token}"));
        }
        return new(prefix, suffix);
    }
}
