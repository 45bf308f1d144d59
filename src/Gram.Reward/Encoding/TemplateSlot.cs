using Gram.Models.Tokenization;

namespace Gram.Reward.Encoding;

/// <summary>A template's text that is tokenised at once: control tokens, and the stretches of text between them, with or without the turn's content.</summary>
internal sealed class TemplateSlot
{
    private readonly Tokenizer tokenizer;
    private readonly List<(string Text, int[]? Ids)> parts = [];

    private TemplateSlot(string slot, Tokenizer tokenizer)
    {
        this.tokenizer = tokenizer;
        switch (slot)
        {
            case TrainingTemplate.Bos:
                parts.Add(("", tokenizer.BosTokenId is { } bos ? [bos] : []));
                return;
            case TrainingTemplate.Eos:
                parts.Add(("", [tokenizer.EosTokenId!.Value]));
                return;
            case TrainingTemplate.TokenizerPrefix:
                parts.Add(("", [.. tokenizer.Prefix]));
                return;
        }
        var start = 0;
        for (var i = 0; i < slot.Length; i++)
        {
            var token = tokenizer.ControlTokens.Keys.Where(token => string.CompareOrdinal(slot, i, token, 0, token.Length) == 0).MaxBy(token => token.Length);
            if (token is null) continue;
            AddText(slot[start..i]);
            parts.Add(("", [tokenizer.ControlTokens[token]]));
            start = i + token.Length;
            i = start - 1;
        }
        AddText(slot[start..]);
    }

    /// <summary>Prepares slots for a vocabulary.</summary>
    public static TemplateSlot[] Parse(IReadOnlyList<string> slots, Tokenizer tokenizer) => [.. slots.Select(slot => new TemplateSlot(slot, tokenizer))];

    /// <summary>Ids with a content filled in. The content is only ever text: it is tokenised with the text around it, and never becomes a control token.</summary>
    public IEnumerable<int> Encode(string content) => parts.SelectMany(part => part.Ids ?? tokenizer.Encode(part.Text.Replace(TrainingTemplate.Content, content, StringComparison.Ordinal)));

    private void AddText(string text)
    {
        if (text.Length > 0) parts.Add((text, text.Contains(TrainingTemplate.Content, StringComparison.Ordinal) ? null : tokenizer.Encode(text)));
    }
}
