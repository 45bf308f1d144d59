using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Ppo.Records;
using Gram.Reward.Judging;

namespace Gram.Ppo.Stages;

/// <summary>A response as the judge and the gold measure read it: no special tokens, no thoughts, trimmed (ppo.md §1).</summary>
/// <param name="tokenizer">The policy's.</param>
/// <param name="lines">Lines of the response that are read; 0: all.</param>
public sealed class AnswerText(Tokenizer tokenizer, int lines)
{
    /// <summary>The text of a response to a prompt; what the prompt says its answers continue stands before it.</summary>
    public string Of(PolicyPrompt prompt, GeneratedSequence response)
    {
        var (prefix, text) = (prompt.Prompt.AnswerPrefix, tokenizer.Decode(response.Tokens));
        // A continuation starts on the prefix's own line; an answer of its own may start with empty ones.
        return JudgeText.Clean(lines == 0 ? prefix + text : prefix.Length > 0 ? FirstLines(prefix + text) : FirstLines(JudgeText.Clean(text)));
    }

    private string FirstLines(string text) => string.Join('\n', text.Split('\n').Take(lines));
}
