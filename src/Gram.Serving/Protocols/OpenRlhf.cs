using Gram.Models;
using Gram.Serving.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gram.Serving.Protocols;

/// <summary>What OpenRLHF's remote reward model client posts.</summary>
/// <param name="Query">Prompts with their answers, as the chat template renders them.</param>
/// <param name="Prompts">What each query begins with.</param>
/// <param name="Labels">A reference answer for each; null or empty where there is none.</param>
public sealed record GetRewardRequest(IReadOnlyList<string> Query, IReadOnlyList<string>? Prompts = null, IReadOnlyList<string?>? Labels = null);

/// <summary>What it reads.</summary>
/// <param name="Rewards">A reward for each query.</param>
/// <param name="Scores">The judge's score of each, in [0, 1].</param>
/// <param name="ExtraLogs">Further figures for each query.</param>
public sealed record GetRewardResponse(IReadOnlyList<double> Rewards, IReadOnlyList<double> Scores, IReadOnlyDictionary<string, IReadOnlyList<double>> ExtraLogs);

/// <summary>OpenRLHF's <c>--remote_rm_url</c>.</summary>
internal static class OpenRlhf
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/get_reward", GetRewardAsync).Described<GetRewardRequest, GetRewardResponse>("getReward", "OpenRLHF: rewards of answers.");

    private static async Task<IResult> GetRewardAsync(HttpContext context, Scoring scoring)
    {
        var request = await scoring.ReadAsync<GetRewardRequest>(context);
        scoring.CheckCount(request.Query.Count);
        if (request.Prompts is { } prompts && prompts.Count != request.Query.Count) throw new GramException($"prompts has {prompts.Count} texts where query has {request.Query.Count}");
        if (request.Labels is { } labels && labels.Count != request.Query.Count) throw new GramException($"labels has {labels.Count} items where query has {request.Query.Count}");
        AnswerToScore[] answers = [.. Scoring.Whole(request.Query, "query").Select((query, i) => scoring.Split(query, request.Prompts?[i], request.Labels?[i], $"query[{i}]"))];
        var rewards = await scoring.RewardAsync(context, answers);
        return Answer.Of(new GetRewardResponse(
            [.. rewards.Select(reward => reward.Reward)],
            [.. rewards.Select(reward => reward.Score)],
            new Dictionary<string, IReadOnlyList<double>>
            {
                ["order_disagreement"] = [.. rewards.Select(reward => reward.OrderDisagreement)],
                ["markers"] = [.. rewards.Select(reward => reward.HasMarkers ? 1.0 : 0.0)],
            }));
    }
}
