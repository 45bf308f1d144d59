namespace Gram.Models.Tokenization;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Content">Its text.</param>
public sealed record ChatMessage(string Role, string Content);

/// <summary>A piece of a rendered prompt: template text (whose control tokens are control tokens) or content (only ever text).</summary>
public readonly record struct TemplatePiece(string Text, bool IsContent);

/// <summary>How a checkpoint writes conversations: qwen3, llama3, chatml, smollm2, … A template is known by name or recognised from the checkpoint's own; never guessed.</summary>
public abstract class ChatTemplate
{
    /// <summary>Name by which gram_config.json and YAML files know the template.</summary>
    public abstract string Name { get; }
    /// <summary>A template by name.</summary>
    /// <exception cref="GramException">The name is unknown; the message lists the known ones.</exception>
    public static ChatTemplate ByName(string name) => throw new NotImplementedException();
    /// <summary>Recognises a checkpoint's own template from its jinja text.</summary>
    /// <exception cref="GramException">It is none of the known ones.</exception>
    public static ChatTemplate Recognise(string jinja) => throw new NotImplementedException();
    /// <summary>Renders a conversation into pieces. enableThinking: null = the template's default.</summary>
    public abstract IReadOnlyList<TemplatePiece> Pieces(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null);
    /// <summary>Renders to text.</summary>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null) =>
        string.Concat(Pieces(messages, addGenerationPrompt, enableThinking).Select(piece => piece.Text));
    /// <summary>Ids of a rendered conversation; content never becomes a control token; no second BOS.</summary>
    public int[] Encode(Tokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null) => throw new NotImplementedException();
}
