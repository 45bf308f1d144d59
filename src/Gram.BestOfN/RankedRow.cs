using System.Text.Json.Nodes;

namespace Gram.BestOfN;

/// <summary>A row of generations with the outcome of its tournament.</summary>
public static class RankedRow
{
    /// <summary>The row with best, ranking, scores, method and comparisons; strengths and confidence where the tournament has them.</summary>
    public static JsonObject Of(JsonObject generations, TournamentResult result, string method)
    {
        var row = (JsonObject)generations.DeepClone();
        row["best"] = result.Best;
        row["ranking"] = new JsonArray([.. result.Ranking.Select(index => JsonValue.Create(index))]);
        row["scores"] = new JsonArray([.. result.Scores.Select(score => JsonValue.Create(score))]);
        row["method"] = method;
        row["comparisons"] = new JsonArray([.. result.Comparisons.Select(comparison => new JsonObject
        {
            ["a"] = comparison.A,
            ["b"] = comparison.B,
            ["score_a"] = comparison.ScoreA,
            ["round"] = comparison.Round,
        })]);
        if (result.Strengths is { } strengths) row["strengths"] = new JsonArray([.. strengths.Select(strength => JsonValue.Create(strength))]);
        if (result.Confidence is { } confidence) row["confidence"] = confidence;
        return row;
    }
}
