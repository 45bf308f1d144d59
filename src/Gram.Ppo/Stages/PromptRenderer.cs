using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Ppo.Records;
using Gram.Reward.Data;

namespace Gram.Ppo.Stages;

/// <summary>Writes prompts as the policy reads them: by its chat template as one user turn or a conversation, or as raw text.</summary>
/// <param name="tokenizer">The policy's.</param>
/// <param name="template">The policy's template; null: raw text.</param>
/// <param name="enableThinking">Passed to the template.</param>
/// <param name="turnFormat">How the judge wants conversations written.</param>
/// <param name="room">Most tokens of a prompt: the context less max_new_tokens.</param>
public sealed class PromptRenderer(Tokenizer tokenizer, ChatTemplate? template, bool? enableThinking, string turnFormat, int room)
{
    /// <summary>The policy's template by its name in a configuration: "none" is raw text, "auto" the checkpoint's own, raw text where it has none.</summary>
    /// <exception cref="GramException">The template is unknown.</exception>
    public static ChatTemplate? TemplateOf(string name, Tokenizer tokenizer) =>
        name == "none" || (name == "auto" && tokenizer.ChatTemplateSource is null) ? null : ChatTemplate.Resolve(name, tokenizer);

    /// <summary>Renders all prompts.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="kind">What they are, for messages: training or held-out.</param>
    /// <exception cref="GramException">A prompt is empty, longer than the context, or a conversation without a template.</exception>
    public IReadOnlyList<PolicyPrompt> Render(IReadOnlyList<Prompt> prompts, string kind) => [.. prompts.Select((prompt, i) =>
    {
        var tokens = Encode(prompt, $"{kind} prompt {i + 1}");
        if (tokens.Length == 0) throw new GramException($"{kind} prompt {i + 1} is empty: give it a text or take it out");
        if (tokens.Length > room) throw new GramException($"{kind} prompt {i + 1} is longer than the context: it has {tokens.Length} tokens, and max_new_tokens leaves room for {Math.Max(0, room)}; lower max_new_tokens, or shorten it");
        return new PolicyPrompt(i, prompt, prompt.QuestionAs(turnFormat), tokens);
    })];

    private int[] Encode(Prompt prompt, string name)
    {
        if (template is not null) return template.Encode(tokenizer, prompt.Messages ?? [new ChatMessage("user", prompt.Text ?? "")], addGenerationPrompt: true, enableThinking);
        if (prompt.Messages is not null) throw new GramException($"{name} is a conversation, and the policy has no chat template: set template to a known name");
        return tokenizer.Encode(prompt.Text ?? "", addSpecialTokens: true);
    }
}
