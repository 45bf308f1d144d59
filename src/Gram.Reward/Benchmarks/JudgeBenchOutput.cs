using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>
/// What judges said of JudgeBench's pairs. Its own script writes <c>judgments</c>, one for each order: null where the judge failed,
/// otherwise with a decision and, of a reward model, the scores of the two answers; a run without the swapped order writes one alone.
/// A shorter form has <c>decisions</c> or <c>scores</c> of both orders.
/// </summary>
internal static class JudgeBenchOutput
{
    /// <summary>The verdict of a row; null where it has none.</summary>
    /// <param name="row">The row.</param>
    /// <param name="firstIsBetter">Whether response A is the better one.</param>
    /// <exception cref="GramException">A judgment, decision or score is wrong.</exception>
    public static Verdict? Read(JsonRow row, bool firstIsBetter)
    {
        if (Orders(row) is not [var first, .. var others]) return null;
        // Order 1 shows response A first, order 2 second.
        var ofA = others is [var second] ? Verdict.Of(first.OfFirst(row), second.OfSecond(row)) : new(first.OfFirst(row), first.OfSecond(row));
        return firstIsBetter ? ofA : ofA.Swapped();
    }

    private static Order[] Orders(JsonRow row) =>
        row.Fields.ContainsKey("judgments") ? Judgments(row)
        : row.Fields.ContainsKey("scores") ? [.. Both(row, "scores").Select((scores, i) => new Order(scores ?? throw NoScores(row, $"scores[{i}]"), null, $"scores[{i}]"))]
        : row.Fields.ContainsKey("decisions") ? [.. Both(row, "decisions").Select((decision, i) => new Order(null, decision, $"decisions[{i}]"))]
        : [];

    private static Order[] Judgments(JsonRow row) => row.List("judgments") is { Count: 1 or 2 } judgments
        ? [.. judgments.Select((judgment, i) => judgment switch
        {
            null => new Order(null, null, ""),
            JsonObject said when said.ContainsKey("decision") => new Order((said["judgment"] as JsonObject)?["scores"], said["decision"], $"judgments[{i}]"),
            _ => throw row.Error($"judgments[{i}]", "must be a judgment with its decision, or null"),
        })]
        : throw row.Error("judgments", "must be the judgments of both orders, or of the first alone");

    private static JsonArray Both(JsonRow row, string field) => row.List(field) is { Count: 2 } list ? list : throw row.Error(field, $"must be two {field}, one for each order");

    private static GramException NoScores(JsonRow row, string at) => row.Error(at, "must be the scores of the two answers");

    /// <summary>One order, as it was shown.</summary>
    /// <param name="Scores">Rewards of the answers shown first and second; null where there are none.</param>
    /// <param name="Decision">A>B where the answer shown first was preferred, B>A where the other; what else it is, is no decision.</param>
    /// <param name="At">Its place in the row, for errors.</param>
    private readonly record struct Order(JsonNode? Scores, JsonNode? Decision, string At)
    {
        /// <summary>P(the answer shown first).</summary>
        public double OfFirst(JsonRow row) => Scores is null ? Decided(row, "A>B", "B>A") : Rewarded(row, 0, 1);

        /// <summary>P(the answer shown second).</summary>
        public double OfSecond(JsonRow row) => Scores is null ? Decided(row, "B>A", "A>B") : Rewarded(row, 1, 0);

        private double Decided(JsonRow row, string win, string loss)
        {
            var decision = Decision is null ? null : row.TextOf(Decision, At);
            return decision == win ? 1 : decision == loss ? 0 : 0.5;
        }

        /// <summary>Bradley–Terry's σ of the difference of two rewards.</summary>
        private double Rewarded(JsonRow row, int own, int other)
        {
            if (Scores is not JsonArray { Count: 2 } scores) throw NoScores(row, At);
            return 1 / (1 + Math.Exp(ScoreFields.NumberOf(row, scores[other], At) - ScoreFields.NumberOf(row, scores[own], At)));
        }
    }
}
