namespace Gram.Models.Tokenization;

/// <summary>No template: the messages' texts as they are, a blank line between two, after the tokenizer's own BOS.</summary>
internal sealed class PlainTemplate : ChatTemplate
{
    /// <inheritdoc/>
    public override string Name => "none";

    /// <inheritdoc/>
    public override IReadOnlyList<TemplatePiece> Pieces(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null)
    {
        CheckRoles(messages);
        return [.. messages.SelectMany((message, index) => (TemplatePiece[])[new(index == 0 ? "" : "\n\n", IsContent: false), new(message.Content, IsContent: true)])];
    }

    /// <inheritdoc/>
    public override int[] Encode(Tokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null) =>
        [.. tokenizer.Prefix, .. base.Encode(tokenizer, messages, addGenerationPrompt, enableThinking)];
}
