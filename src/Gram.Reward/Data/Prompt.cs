using Gram.Models.Tokenization;

namespace Gram.Reward.Data;

/// <summary>A prompt: a plain text or a conversation; extra fields of its row are kept.</summary>
/// <param name="Text">The plain prompt, or null for a conversation.</param>
/// <param name="Messages">The conversation, or null for a plain prompt.</param>
/// <param name="Reference">The row's own answer, if it has one (reference: dataset).</param>
public sealed record Prompt(string? Text, IReadOnlyList<ChatMessage>? Messages = null, string? Reference = null)
{
    /// <summary>The judge's {question}: gram.md §1's rule for conversations.</summary>
    public string Question => throw new NotImplementedException();
}
