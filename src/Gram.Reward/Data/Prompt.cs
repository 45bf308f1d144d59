using System.Text.Json.Nodes;
using Gram.Models.Tokenization;
using Gram.Reward.Judging;

namespace Gram.Reward.Data;

/// <summary>A prompt: a plain text or a conversation; extra fields of its row are kept.</summary>
/// <param name="Text">The plain prompt, or null for a conversation.</param>
/// <param name="Messages">The conversation, or null for a plain prompt.</param>
/// <param name="Reference">The row's own answer, if it has one (reference: dataset).</param>
public sealed record Prompt(string? Text, IReadOnlyList<ChatMessage>? Messages = null, string? Reference = null)
{
    private const string DefaultTurnFormat = "{role}: {content}";

    /// <summary>The row that the prompt came from, whose fields go with it into what is written; null where there was none.</summary>
    public JsonObject? Row { get; init; }

    /// <summary>Text of the row's <c>answer_prefix</c>, which a response continues: the judge reads it before the response. Empty where there is none.</summary>
    public string AnswerPrefix { get; init; } = "";

    /// <summary>A response as the judge reads it: what it continues before it, no thoughts, trimmed (ppo.md §1).</summary>
    public string AnswerOf(string response) => JudgeText.Clean(AnswerPrefix + response);

    /// <summary>The judge's {question}: gram.md §1's rule for conversations.</summary>
    public string Question => QuestionAs(DefaultTurnFormat);

    /// <summary>
    /// The judge's {question} with another turn format (<see cref="GramConfig.TurnFormat"/>). One user turn is its
    /// content; otherwise a leading system message as it is, then each turn in the format, blank lines between, ending with
    /// the last user turn.
    /// </summary>
    public string QuestionAs(string turnFormat)
    {
        if (Messages is null) return Text ?? "";
        if (Messages is [{ Role: "user" } only]) return only.Content;
        var last = Messages.Count - 1;
        while (last > 0 && Messages[last].Role != "user") last--;
        return string.Join("\n\n", Messages.Take(last + 1).Select((message, i) => i == 0 && message.Role == "system"
            ? message.Content
            : turnFormat.Replace("{role}", RoleName(message.Role), StringComparison.Ordinal).Replace("{content}", message.Content, StringComparison.Ordinal)));
    }

    /// <summary>A conversation as a prompt: the plain text of a single user turn, the messages otherwise.</summary>
    public static Prompt Of(IReadOnlyList<ChatMessage> messages, string? reference = null, JsonObject? row = null) =>
        messages is [{ Role: "user" } only] ? new(only.Content, null, reference) { Row = row } : new(null, messages, reference) { Row = row };

    private static string RoleName(string role) => role switch
    {
        "user" => "User",
        "assistant" => "Assistant",
        "system" => "System",
        _ => role,
    };
}
