using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Tokenization;

namespace Gram.Reward.Data;

/// <summary>Converts one row.</summary>
/// <param name="row">The row.</param>
/// <param name="ranking">Whether it holds a chosen and a rejected answer.</param>
/// <param name="promptsOnly">Whether answers may be missing.</param>
internal sealed class RowConverter(JsonRow row, bool ranking, bool promptsOnly)
{
    public DatasetRow Alpaca(DatasetColumns columns)
    {
        var messages = new List<ChatMessage>();
        foreach (var (turn, at) in History(columns.History))
        {
            messages.Add(new("user", row.TextOf(turn[0], at + "[0]")));
            messages.Add(new("assistant", row.TextOf(turn[1], at + "[1]")));
        }
        var prompt = columns.Prompt is { } name ? Nullable(name) : null;
        var query = columns.Query is { } input ? row.OptionalText(input) : null;
        messages.Add(new("user", string.Join('\n', new[] { prompt, query }.Where(text => !string.IsNullOrEmpty(text)))));
        string?[] responses = ranking
            ? [Answer(columns.Chosen ?? "chosen"), Answer(columns.Rejected ?? "rejected")]
            : columns.Response is { } response ? [Answer(response)] : [];
        return new(row, messages, Whole(responses), SystemOf(columns));

        string? Answer(string field) => promptsOnly ? row.OptionalText(field) : Nullable(field);
    }

    public DatasetRow ShareGpt(DatasetColumns columns, DatasetTags tags)
    {
        var field = columns.Messages ?? throw row.Error("messages", "is named by no column of this data set");
        var turns = row.List(field).Select((node, i) => Turn(node, $"{field}[{i}]", tags)).ToList();
        var system = SystemOf(columns);
        if (tags.System is not null && turns.Count > 0 && turns[0].Role == tags.System)
        {
            system = turns[0].Content;
            turns.RemoveAt(0);
        }
        string?[] answers = ranking ? [Answer(columns.Chosen ?? "chosen", tags), Answer(columns.Rejected ?? "rejected", tags)] : [];
        if (turns.Where((turn, i) => turn.Role != (i % 2 == 0 ? tags.User : tags.Assistant)).Any()) return new(row, [], [], system);
        var messages = turns.ConvertAll(turn => turn with { Role = turn.Role == tags.User ? "user" : "assistant" });
        var asks = messages.Count % 2 == 1;
        if (ranking) return asks && Whole(answers) is { Length: > 0 } pair ? new(row, messages, pair, system) : new(row, [], [], system);
        if (messages.Count == 0 || asks) return new(row, [], [], system) { OpenMessages = asks ? messages : null };
        return new(row, messages[..^1], [messages[^1].Content], system);
    }

    private IEnumerable<(JsonArray Turn, string At)> History(string? column)
    {
        if (column is null || row.Fields[column] is null) yield break;
        var index = 0;
        foreach (var node in row.List(column))
        {
            var at = $"{column}[{index++}]";
            yield return (node is JsonArray { Count: 2 } turn ? turn : throw row.Error(at, "must be a list of a user text and an assistant text"), at);
        }
    }

    private ChatMessage Turn(JsonNode? node, string at, DatasetTags tags) => node is JsonObject turn
        ? new(row.TextOf(turn[tags.Role], $"{at}.{tags.Role}"), row.TextOf(turn[tags.Content], $"{at}.{tags.Content}"))
        : throw row.Error(at, $"must be an object with {tags.Role} and {tags.Content}");

    /// <summary>An answer of a ranking set: a turn, or a plain text; null where it is null or its role is not the assistant's.</summary>
    private string? Answer(string field, DatasetTags tags)
    {
        if (!row.Fields.TryGetPropertyValue(field, out var node) && !promptsOnly) throw row.Error(field, "is missing");
        if (node is null || node.GetValueKind() == JsonValueKind.String) return row.OptionalText(field);
        var turn = Turn(node, field, tags);
        return turn.Role == tags.Assistant ? turn.Content : null;
    }

    private string? SystemOf(DatasetColumns columns) => columns.System is { } name ? row.OptionalText(name) : "";

    /// <summary>A text that may be null but not absent.</summary>
    private string? Nullable(string field) => row.Fields.ContainsKey(field) ? row.OptionalText(field) : throw row.Error(field, "is missing");

    /// <summary>The answers, or none where one of them is null.</summary>
    private static string[] Whole(string?[] answers) => answers.Contains(null) ? [] : [.. answers.OfType<string>()];
}
