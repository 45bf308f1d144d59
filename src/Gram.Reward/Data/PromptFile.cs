using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;

namespace Gram.Reward.Data;

/// <summary>Files of prompts: <c>{"prompt": "…"}</c> or <c>{"messages": [{"role", "content"}, …]}</c>.</summary>
public static class PromptFile
{
    /// <summary>The prompts of a file, in order.</summary>
    /// <exception cref="GramException">A row has no prompt, or a wrong one; the message names file, row and field.</exception>
    public static IEnumerable<Prompt> Read(string path) => JsonRows.Read(path).Select(PromptOf);

    /// <summary>
    /// The prompt of a row. A conversation that ends with the assistant's turn gives that turn as the reference, and so does
    /// a text field <c>reference</c>.
    /// </summary>
    /// <exception cref="GramException">It has none, or a wrong one.</exception>
    public static Prompt PromptOf(JsonRow row)
    {
        var reference = row.Fields["reference"]?.GetValueKind() == JsonValueKind.String ? row.Text("reference") : null;
        var prefix = row.OptionalText("answer_prefix") ?? "";
        if (!row.Fields.ContainsKey("messages")) return new(row.Text("prompt"), null, reference) { Row = row.Fields, AnswerPrefix = prefix };
        var messages = Messages(row, "messages");
        if (messages[^1].Role == "assistant")
        {
            reference ??= messages[^1].Content;
            messages.RemoveAt(messages.Count - 1);
        }
        if (messages.Count == 0 || messages[^1].Role != "user") throw row.Error("messages", "must end with a user turn, or with the answer to one");
        return new(null, messages, reference) { Row = row.Fields, AnswerPrefix = prefix };
    }

    private static List<ChatMessage> Messages(JsonRow row, string field)
    {
        var messages = new List<ChatMessage>();
        foreach (var node in row.List(field))
        {
            var at = $"{field}[{messages.Count}]";
            if (node is not JsonObject turn) throw row.Error(at, "must be an object with role and content");
            var role = row.TextOf(turn["role"], at + ".role");
            if (role is not ("system" or "user" or "assistant")) throw row.Error(at + ".role", $"is \"{role}\": system, user and assistant are known");
            messages.Add(new(role, row.TextOf(turn["content"], at + ".content")));
        }
        return messages.Count > 0 ? messages : throw row.Error(field, "is empty");
    }
}
