using System.Text.RegularExpressions;

namespace Gram.Reward.Judging;

/// <summary>What of a generated text the judge reads.</summary>
public static partial class JudgeText
{
    /// <summary>
    /// The text without <c>&lt;think&gt;…&lt;/think&gt;</c> (an unclosed one to the end of the text), trimmed at both ends
    /// (ppo.md §1). Special tokens are the decoder's to leave out.
    /// </summary>
    public static string Clean(string text) => Thought().Replace(text, "").Trim();

    [GeneratedRegex(@"<think>.*?(</think>|\z)", RegexOptions.Singleline)]
    private static partial Regex Thought();
}
