using System.Text.Json.Serialization;
using Gram.Serving.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gram.Serving.Protocols;

/// <summary>What LLaMA-Factory's PPO posts with <c>reward_model_type: api</c>.</summary>
/// <param name="Messages">Prompts with their answers, as the chat template renders them.</param>
/// <param name="Model">Not read: there is one judge.</param>
public sealed record ScoreEvaluationRequest(IReadOnlyList<string> Messages, string? Model = null);

/// <summary>What it reads.</summary>
/// <param name="Id">The request's id.</param>
/// <param name="Kind">score.evaluation.</param>
/// <param name="Model">The judge's name.</param>
/// <param name="Scores">A reward for each message.</param>
public sealed record ScoreEvaluationResponse(string Id, [property: JsonPropertyName("object")] string Kind, string Model, IReadOnlyList<double> Scores);

/// <summary>LLaMA-Factory's reward server.</summary>
internal static class LlamaFactory
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/v1/score/evaluation", ScoreAsync).Described<ScoreEvaluationRequest, ScoreEvaluationResponse>("scoreEvaluation", "LLaMA-Factory: rewards of answers.");

    private static async Task<IResult> ScoreAsync(HttpContext context, Scoring scoring, RewardServerOptions options)
    {
        var request = await scoring.ReadAsync<ScoreEvaluationRequest>(context);
        scoring.CheckCount(request.Messages.Count);
        var rewards = await scoring.RewardAsync(context, [.. Scoring.Whole(request.Messages, "messages").Select((message, i) => scoring.Split(message, null, null, $"messages[{i}]"))]);
        return Answer.Of(new ScoreEvaluationResponse($"scoreval-{RequestRecord.Of(context).Id}", "score.evaluation", options.ModelName, [.. rewards.Select(reward => reward.Reward)]));
    }
}
