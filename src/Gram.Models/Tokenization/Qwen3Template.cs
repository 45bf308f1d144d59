namespace Gram.Models.Tokenization;

/// <summary>
/// Qwen3's template with thinking: turns before the last question lose their thoughts, turns after it get a think block,
/// and thinking off puts an empty one before the answer.
/// </summary>
internal sealed class Qwen3Template : ChatTemplate
{
    private const string Close = "<|im_end|>\n";

    /// <inheritdoc/>
    public override string Name => "qwen3";

    /// <inheritdoc/>
    public override IReadOnlyList<TemplatePiece> Pieces(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null)
    {
        CheckRoles(messages);
        var lastQuestion = LastQuestion(messages);
        var pieces = new List<TemplatePiece>();
        for (var i = 0; i < messages.Count; i++)
        {
            var (role, content) = messages[i];
            pieces.Add(new($"<|im_start|>{role}\n", IsContent: false));
            if (role == "assistant")
            {
                var (thoughts, answer) = Thoughts(content);
                // A turn in the middle shows a think block only where it has thoughts.
                if (i > lastQuestion && (i == messages.Count - 1 || thoughts.Length > 0))
                {
                    pieces.Add(new("<think>\n", IsContent: false));
                    pieces.Add(new(thoughts.Trim('\n'), IsContent: true));
                    pieces.Add(new("\n</think>\n\n", IsContent: false));
                    answer = answer.TrimStart('\n');
                }
                content = answer;
            }
            pieces.Add(new(content, IsContent: true));
            pieces.Add(new(Close, IsContent: false));
        }
        if (addGenerationPrompt) pieces.Add(new("<|im_start|>assistant\n" + (enableThinking == false ? "<think>\n\n</think>\n\n" : ""), IsContent: false));
        return pieces;
    }

    /// <summary>Index of the last user turn that is not a tool's answer; the last turn where there is none.</summary>
    private static int LastQuestion(IReadOnlyList<ChatMessage> messages)
    {
        for (var i = messages.Count - 1; i >= 0; i--)
        {
            var (role, content) = messages[i];
            var isToolAnswer = content.StartsWith("<tool_response>", StringComparison.Ordinal) && content.EndsWith("</tool_response>", StringComparison.Ordinal);
            if (role == "user" && !isToolAnswer) return i;
        }
        return messages.Count - 1;
    }

    /// <summary>Thoughts end at the first &lt;/think&gt;, the answer begins after the last.</summary>
    private static (string Thoughts, string Answer) Thoughts(string content)
    {
        var parts = content.Split("</think>");
        return parts.Length == 1
            ? ("", content)
            : (parts[0].TrimEnd('\n').Split("<think>")[^1].TrimStart('\n'), parts[^1].TrimStart('\n'));
    }
}
