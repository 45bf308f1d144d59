namespace Gram.Models.Tokenization;

/// <summary>
/// The template of Llama 3.1 and 3.2: Llama 3's turns after a system turn with two dates. Today's is pinned, so that
/// a prompt does not change overnight.
/// </summary>
internal sealed class Llama31Template(string name, string bos = "<|begin_of_text|>") : ChatTemplate
{
    private const string Open = "<|start_header_id|>", Separator = "<|end_header_id|>\n\n", Close = "<|eot_id|>";
    private const string Dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override IReadOnlyList<TemplatePiece> Pieces(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null)
    {
        CheckRoles(messages);
        var hasSystem = messages[0].Role == "system";
        var pieces = new List<TemplatePiece> { new($"{bos}{Open}system{Separator}{Dates}", IsContent: false) };
        if (hasSystem) pieces.Add(new(PythonText.Strip(messages[0].Content), IsContent: true));
        pieces.Add(new(Close, IsContent: false));
        foreach (var message in messages.Skip(hasSystem ? 1 : 0))
        {
            pieces.Add(new(Open + message.Role + Separator, IsContent: false));
            pieces.Add(new(PythonText.Strip(message.Content), IsContent: true));
            pieces.Add(new(Close, IsContent: false));
        }
        if (addGenerationPrompt) pieces.Add(new($"{Open}assistant{Separator}", IsContent: false));
        return pieces;
    }
}
