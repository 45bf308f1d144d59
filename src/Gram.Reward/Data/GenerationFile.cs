using System.Text.Json.Nodes;
using Gram.Models;

namespace Gram.Reward.Data;

/// <summary>Answers to one prompt as a file holds them.</summary>
/// <param name="Source">The row, all fields kept.</param>
/// <param name="Prompt">Its prompt.</param>
/// <param name="Responses">Its answers, at least one.</param>
public sealed record GenerationRow(JsonRow Source, Prompt Prompt, IReadOnlyList<string> Responses);

/// <summary>Files of generations: <c>{"prompt": "…", "responses": ["…"]}</c>; <c>messages</c> for <c>prompt</c> works too.</summary>
public static class GenerationFile
{
    /// <summary>The rows of a file, in order.</summary>
    /// <exception cref="GramException">A row lacks a field or has a wrong one; the message names file, row and field.</exception>
    public static IEnumerable<GenerationRow> Read(string path) => JsonRows.Read(path).Select(row =>
    {
        var responses = row.List("responses").Select((node, i) => row.TextOf(node, $"responses[{i}]")).ToArray();
        return new GenerationRow(row, PromptFile.PromptOf(row), responses.Length > 0 ? responses : throw row.Error("responses", "is empty"));
    });

    /// <summary>The row of a prompt's generations: the prompt's own fields, then the responses.</summary>
    public static JsonObject RowOf(Prompt prompt, IEnumerable<string> responses)
    {
        var fields = (JsonObject?)prompt.Row?.DeepClone() ?? [];
        if (prompt.Row is null && prompt.Messages is null) fields["prompt"] = prompt.Text;
        if (prompt.Row is null && prompt.Messages is not null)
            fields["messages"] = new JsonArray([.. prompt.Messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })]);
        fields["responses"] = new JsonArray([.. responses.Select(response => JsonValue.Create(response))]);
        return fields;
    }
}
