using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Gram.Models;
using Gram.Reward.Judging;
using Gram.Serving.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gram.Serving.Protocols;

/// <summary>What NeMo Gym posts to its GenRM comparison server.</summary>
/// <param name="ConversationHistory">The conversation before the answers.</param>
/// <param name="ResponseObjs">The answers, as the Responses API gives them.</param>
/// <param name="Principle">What to judge by; it stands before the conversation, as a system message does.</param>
public sealed record GenRmCompareRequest(IReadOnlyList<Turn> ConversationHistory, IReadOnlyList<JsonObject> ResponseObjs, string? Principle = null);

/// <summary>A comparison that was made.</summary>
/// <param name="ResponseI">Index of the one answer.</param>
/// <param name="ResponseJ">Index of the other.</param>
/// <param name="JudgeIdx">0: one judge, both orders.</param>
/// <param name="Score1">The one's score, in [0, 1].</param>
/// <param name="Score2">The other's.</param>
/// <param name="Ranking">From 1, the one is much better, to 6, the other is: 1 + 5·score_2.</param>
public sealed record GenRmComparison(
    int ResponseI, int ResponseJ, int JudgeIdx, [property: JsonPropertyName("score_1")] double Score1, [property: JsonPropertyName("score_2")] double Score2, double Ranking);

/// <summary>What it reads.</summary>
/// <param name="Rewards">A reward for each answer: of its mean score against the others; the lowest where it talks to the judge.</param>
/// <param name="ComparisonResults">Every comparison.</param>
/// <param name="Metrics">Mean order disagreement, and the share of answers that talk to the judge.</param>
public sealed record GenRmCompareResponse(IReadOnlyList<double> Rewards, IReadOnlyList<GenRmComparison> ComparisonResults, IReadOnlyDictionary<string, double> Metrics);

/// <summary>NeMo Gym's pairwise comparison of a prompt's answers: a round robin.</summary>
internal static class NemoGym
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/compare", CompareAsync).Described<GenRmCompareRequest, GenRmCompareResponse>("genRmCompare", "NeMo Gym: rewards of a prompt's answers by a round robin.");

    private static async Task<IResult> CompareAsync(HttpContext context, Scoring scoring)
    {
        var request = await scoring.ReadAsync<GenRmCompareRequest>(context);
        var count = Scoring.Whole(request.ResponseObjs, "response_objs").Count;
        scoring.CheckCount((long)count * (count - 1) / 2);
        var prompt = scoring.Conversation(request.ConversationHistory, "conversation_history", request.Principle);
        string[] answers = [.. request.ResponseObjs.Select((response, i) => JudgeText.Clean(scoring.Checked(TextOf(response, $"response_objs[{i}]"), $"response_objs[{i}]")))];
        bool[] marked = [.. answers.Select(scoring.HasMarkers)];
        (int I, int J)[] games = [.. from i in Enumerable.Range(0, count) from j in Enumerable.Range(i + 1, count - i - 1) select (i, j)];
        var scores = await scoring.ScoreAsync(context, [.. games.Select(game => scoring.PairOf(prompt, answers[game.I], answers[game.J]))]);
        var played = games.Zip(scores).ToList();
        return Answer.Of(new GenRmCompareResponse(
            [.. Enumerable.Range(0, count).Select(answer => scoring.RewardOf(scoring.Punished(Mean(played, answer), marked[answer])))],
            [.. played.Select(game => new GenRmComparison(game.First.I, game.First.J, 0, game.Second.ScoreA, game.Second.ScoreB, 1 + (5 * game.Second.ScoreB)))],
            new Dictionary<string, double>
            {
                ["order_disagreement"] = scores.Select(score => score.OrderDisagreement).DefaultIfEmpty().Average(),
                ["markers"] = marked.Select(has => has ? 1.0 : 0.0).DefaultIfEmpty().Average(),
            }));
    }

    /// <summary>An answer's mean score over its games; a tie where it had none.</summary>
    private static double Mean(List<((int I, int J) Game, PairScore Score)> played, int answer) => played
        .Where(game => game.Game.I == answer || game.Game.J == answer)
        .Select(game => game.Game.I == answer ? game.Score.ScoreA : game.Score.ScoreB)
        .DefaultIfEmpty(0.5)
        .Average();

    /// <summary>The text of an answer's messages; reasoning and tool calls are not judged.</summary>
    private static string TextOf(JsonObject response, string where)
    {
        if (response["output"] is not JsonArray output) throw new GramException($"{where}.output: a list is needed, as the Responses API gives it");
        return string.Concat(
            from item in output.OfType<JsonObject>()
            where Is(item["type"], "message")
            from part in (item["content"] as JsonArray ?? []).OfType<JsonObject>()
            where Is(part["type"], "output_text")
            select part["text"] is JsonValue text && text.TryGetValue<string>(out var words) ? words : throw new GramException($"{where}: an output_text without its text"));
    }

    private static bool Is(JsonNode? node, string text) => node is JsonValue value && value.TryGetValue<string>(out var own) && own == text;
}
