using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Reward.Data;

/// <summary>A pair of answers as a file holds it.</summary>
/// <param name="Source">The row, all fields kept.</param>
/// <param name="Prompt">Its prompt.</param>
/// <param name="AnswerA">chosen, or response_a.</param>
/// <param name="AnswerB">rejected, or response_b.</param>
/// <param name="IsRanked">Whether the row says which answer is better (chosen and rejected); A then is.</param>
public sealed record PairRow(JsonRow Source, Prompt Prompt, string AnswerA, string AnswerB, bool IsRanked)
{
    /// <summary>Fields that scoring writes.</summary>
    private static readonly HashSet<string> ScoreFields = ["score_chosen", "score_rejected", "score_a", "score_b", "correct", "p_ab", "p_ba", "order_disagreement", RationalesField];

    /// <summary>The field that keeps a reasoning judge's rationales.</summary>
    public const string RationalesField = "rationales";

    /// <summary>The pair as a judge reads it.</summary>
    public AnswerPair Pair(string turnFormat = "{role}: {content}") => new(Prompt.QuestionAs(turnFormat), AnswerA, AnswerB);

    /// <summary>The row with its scores: score_chosen, score_rejected, correct (or score_a, score_b), p_ab, p_ba, order_disagreement.</summary>
    public JsonObject Scored(PairScore score)
    {
        var fields = (JsonObject)Source.Fields.DeepClone();
        fields[IsRanked ? "score_chosen" : "score_a"] = score.ScoreA;
        fields[IsRanked ? "score_rejected" : "score_b"] = score.ScoreB;
        if (IsRanked) fields["correct"] = score.ScoreA > score.ScoreB;
        fields["p_ab"] = score.PAb;
        fields["p_ba"] = score.PBa;
        fields["order_disagreement"] = score.OrderDisagreement;
        return fields;
    }

    /// <summary>The score that <see cref="Scored"/> wrote into this row; null where it is another row's, or none.</summary>
    public PairScore? ScoreIn(JsonObject scored) =>
        Source.Fields.All(field => ScoreFields.Contains(field.Key) || (scored.TryGetPropertyValue(field.Key, out var value) && JsonNode.DeepEquals(field.Value, value)))
        && scored["p_ab"] is JsonValue ab && scored["p_ba"] is JsonValue ba && ab.TryGetValue<double>(out var first) && ba.TryGetValue<double>(out var second)
            ? new PairScore(first, second)
            : null;
}

/// <summary>Files of pairs: <c>{"prompt", "chosen", "rejected"}</c> or <c>{"prompt", "response_a", "response_b"}</c>; <c>messages</c> for <c>prompt</c> works too.</summary>
public static class PairFile
{
    /// <summary>The pairs of a file, in order.</summary>
    /// <exception cref="GramException">A row lacks a field or has a wrong one; the message names file, row and field.</exception>
    public static IEnumerable<PairRow> Read(string path) => JsonRows.Read(path).Select(PairOf);

    private static PairRow PairOf(JsonRow row)
    {
        var unranked = !row.Fields.ContainsKey("chosen") && (row.Fields.ContainsKey("response_a") || row.Fields.ContainsKey("response_b"));
        return unranked
            ? new(row, PromptFile.PromptOf(row), row.Text("response_a"), row.Text("response_b"), false)
            : new(row, PromptFile.PromptOf(row), row.Text("chosen"), row.Text("rejected"), true);
    }
}
