using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;

namespace Gram.Reward.Data;

/// <summary>One item of a data file.</summary>
/// <param name="Row">Its number: the item of a list, the line of a .jsonl file; 1-based.</param>
/// <param name="Fields">Its fields.</param>
/// <param name="File">The file's name, for messages.</param>
public sealed record JsonRow(int Row, JsonObject Fields, string File)
{
    /// <summary>A text field that must be there.</summary>
    /// <exception cref="GramException">It is absent or no text.</exception>
    public string Text(string field) =>
        Fields.ContainsKey(field) ? OptionalText(field) ?? throw Error(field, "is null, a text is needed") : throw Error(field, "is missing");

    /// <summary>A text field, or null where it is absent or null.</summary>
    /// <exception cref="GramException">It is no text.</exception>
    public string? OptionalText(string field) => Fields[field] is { } node ? TextOf(node, field) : null;

    /// <summary>A list field that must be there.</summary>
    /// <exception cref="GramException">It is absent or no list.</exception>
    public JsonArray List(string field) =>
        Fields[field] as JsonArray ?? throw Error(field, Fields.ContainsKey(field) ? "must be a list" : "is missing");

    /// <summary>The text of a node inside this row; <paramref name="field"/> names it in the error.</summary>
    /// <exception cref="GramException">It is no text.</exception>
    public string TextOf(JsonNode? node, string field)
    {
        if (node?.GetValueKind() != JsonValueKind.String) throw Error(field, "must be a text");
        try
        {
            return node.GetValue<string>();
        }
        catch (InvalidOperationException)
        {
            throw Error(field, "holds half of a surrogate pair, which is no text");
        }
    }

    /// <summary>The error of a bad field: file, row, field, what is wrong.</summary>
    public GramException Error(string field, string problem) => new($"{File}, row {Row}: '{field}' {problem}");
}
