using System.Text.RegularExpressions;
using Gram.Models.Tokenization;

namespace Gram.Reward.Encoding;

/// <summary>
/// Turns conversations into ids as LLaMA-Factory does: system and user turn, empty think block, and target are tokenised
/// apart, then joined. Content never becomes a control token.
/// </summary>
/// <param name="template">The template.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="enableThinking">Of a reasoning template: false cuts thoughts from targets and puts the empty block into the prompt; true puts it into the target; null into the prompt, thoughts kept.</param>
/// <param name="defaultSystem">In place of the template's own default system message.</param>
public sealed partial class ConversationEncoder(TrainingTemplate template, Tokenizer tokenizer, bool? enableThinking, string? defaultSystem = null)
{
    private readonly int[] emptyThought = template.IsReasoning ? tokenizer.Encode("<think>\n\n</think>\n\n", allowControlTokens: true) : [];
    private readonly TemplateSlot[] prefix = TemplateSlot.Parse(template.Prefix, tokenizer);
    private readonly TemplateSlot[] noSystem = TemplateSlot.Parse(template.NoSystem, tokenizer);
    private readonly TemplateSlot[] withSystem = TemplateSlot.Parse(template.System, tokenizer);
    private readonly TemplateSlot[] user = TemplateSlot.Parse(template.User, tokenizer);
    private readonly TemplateSlot[] assistant = TemplateSlot.Parse(template.Assistant, tokenizer);

    /// <summary>Source and target of each user turn and its answer.</summary>
    /// <param name="messages">User and assistant turns, as many of one as of the other.</param>
    /// <param name="system">The system message; null or empty = the default.</param>
    public IReadOnlyList<(int[] Source, int[] Target)> Turns(IReadOnlyList<ChatMessage> messages, string? system)
    {
        var turns = new List<(int[], int[])>(messages.Count / 2);
        for (var i = 0; i + 1 < messages.Count; i += 2)
        {
            var answer = Trim(messages[i + 1].Content);
            if (template.IsReasoning && enableThinking == false) answer = Thought().Replace(answer, "").TrimStart('\n');
            var source = Source(Trim(messages[i].Content), i == 0, string.IsNullOrEmpty(system) ? defaultSystem ?? template.DefaultSystem : system);
            var target = Fill(assistant, answer);
            if (template.IsReasoning && !answer.Contains("<think>", StringComparison.Ordinal) && !answer.Contains("</think>", StringComparison.Ordinal))
            {
                if (enableThinking == true) target = [.. emptyThought, .. target];
                else source = [.. source, .. emptyThought];
            }
            turns.Add((source, target));
        }
        return turns;
    }

    private int[] Source(string question, bool isFirst, string system)
    {
        if (!isFirst) return Fill(user, question);
        if (system.Length == 0) return [.. Fill(prefix, ""), .. Fill(noSystem, ""), .. Fill(user, question)];
        if (template.SystemIsInUserTurn)
            return [.. Fill(prefix, ""), .. Fill(user, string.Concat(template.System).Replace(TrainingTemplate.Content, system, StringComparison.Ordinal) + question)];
        return [.. Fill(prefix, ""), .. Fill(withSystem, Trim(system)), .. Fill(user, question)];
    }

    private string Trim(string text) => template.Trims ? text.Trim() : text;

    /// <summary>Ids of slots, each tokenised apart, with a content that is only ever text.</summary>
    private static int[] Fill(IReadOnlyList<TemplateSlot> slots, string content) => [.. slots.SelectMany(slot => slot.Encode(content))];

    [GeneratedRegex("<think>(.*?)</think>", RegexOptions.Singleline)]
    private static partial Regex Thought();
}
