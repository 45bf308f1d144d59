using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>Scores as rows hold them: this project's scored pairs, and the published script's output, which lacks the orders.</summary>
internal static class ScoreFields
{
    /// <summary>The verdict of a row; null where it has no scores.</summary>
    /// <exception cref="GramException">A score is no number, or only one of the two is there.</exception>
    public static Verdict? Read(JsonRow row)
    {
        if (!row.Fields.ContainsKey("score_chosen") && !row.Fields.ContainsKey("score_rejected"))
        {
            return row.Fields.ContainsKey("score_a") ? throw row.Error("score_a", "scores a pair of which it is not known which answer is better: name chosen and rejected") : null;
        }
        return new(Number(row, "score_chosen"), Number(row, "score_rejected"), Optional(row, "p_ab"), Optional(row, "p_ba"));
    }

    /// <summary>A number that must be there.</summary>
    public static double Number(JsonRow row, string field) => row.Fields.ContainsKey(field) ? NumberOf(row, row.Fields[field], field) : throw row.Error(field, "is missing");

    /// <summary>A finite number inside a row; <paramref name="field"/> names it in the error.</summary>
    public static double NumberOf(JsonRow row, JsonNode? node, string field) =>
        node?.GetValueKind() == JsonValueKind.Number && node.Deserialize<double>() is var number && double.IsFinite(number) ? number : throw row.Error(field, "must be a finite number");

    private static double? Optional(JsonRow row, string field) => row.Fields[field] is null ? null : Number(row, field);
}
