using System.Text.Json.Nodes;
using Gram.BestOfN;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Serving;
using Gram.Serving.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gram.Serving.Protocols;

/// <summary>Two answers to compare.</summary>
/// <param name="ResponseA">The one.</param>
/// <param name="ResponseB">The other.</param>
/// <param name="Prompt">What was asked; or messages.</param>
/// <param name="Messages">The conversation, ending with the user's turn; or prompt.</param>
public sealed record ComparePair(string ResponseA, string ResponseB, string? Prompt = null, IReadOnlyList<Turn>? Messages = null);

/// <summary>Pairs to compare.</summary>
/// <param name="Pairs">The pairs.</param>
public sealed record CompareRequest(IReadOnlyList<ComparePair> Pairs);

/// <summary>What the judge thinks of a pair.</summary>
/// <param name="ScoreA">Score of response A in [0, 1]: ½·(p_ab + p_ba).</param>
/// <param name="ScoreB">1 − score_a.</param>
/// <param name="PAb">P(A is better) where A stands first.</param>
/// <param name="PBa">P(A is better) where B stands first.</param>
/// <param name="OrderDisagreement">|p_ab − p_ba|.</param>
public sealed record CompareResult(double ScoreA, double ScoreB, double PAb, double PBa, double OrderDisagreement)
{
    internal static CompareResult Of(PairScore score) => new(score.ScoreA, score.ScoreB, score.PAb, score.PBa, score.OrderDisagreement);
}

/// <summary>What the judge thinks of the pairs, in their order.</summary>
/// <param name="Results">One for each pair.</param>
public sealed record CompareResponse(IReadOnlyList<CompareResult> Results);

/// <summary>Answers to rank.</summary>
/// <param name="Responses">The answers.</param>
/// <param name="Prompt">What was asked; or messages.</param>
/// <param name="Messages">The conversation, ending with the user's turn; or prompt.</param>
/// <param name="Method">How they meet: linear, knockout (default), round_robin or adaptive.</param>
public sealed record RankRequest(IReadOnlyList<string> Responses, string? Prompt = null, IReadOnlyList<Turn>? Messages = null, string Method = "knockout");

/// <summary>A comparison that was made.</summary>
/// <param name="A">Index of the one answer.</param>
/// <param name="B">Index of the other.</param>
/// <param name="ScoreA">The one's score.</param>
/// <param name="Round">The round.</param>
public sealed record RankComparison(int A, int B, double ScoreA, int Round);

/// <summary>Ranked answers, as rerank writes them.</summary>
/// <param name="Responses">The answers.</param>
/// <param name="Best">Index of the best.</param>
/// <param name="Ranking">Indices, best first.</param>
/// <param name="Scores">Mean score of each answer over its comparisons.</param>
/// <param name="Method">How they met.</param>
/// <param name="Comparisons">Every comparison made.</param>
/// <param name="Prompt">As asked.</param>
/// <param name="Messages">As asked.</param>
/// <param name="Strengths">Strength of each answer in log-odds; of round_robin and adaptive.</param>
/// <param name="Confidence">Probability that the best is the best of all; of adaptive.</param>
public sealed record RankResponse(
    IReadOnlyList<string> Responses, int Best, IReadOnlyList<int> Ranking, IReadOnlyList<double> Scores, string Method, IReadOnlyList<RankComparison> Comparisons,
    string? Prompt = null, IReadOnlyList<Turn>? Messages = null, IReadOnlyList<double>? Strengths = null, double? Confidence = null);

/// <summary>Whether the server lives, or can judge.</summary>
/// <param name="Status">ok, loading or stopping.</param>
public sealed record HealthResponse(string Status);

/// <summary>The judge that answers.</summary>
/// <param name="Model">Its name.</param>
/// <param name="Fingerprint">A text that is another one where scores would be; empty where nothing is known.</param>
/// <param name="Prompt">Its prompt.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="TurnFormat">How a conversation becomes its question.</param>
public sealed record JudgeResponse(string Model, string Fingerprint, string Prompt, IReadOnlyList<string> Labels, string TurnFormat);

/// <summary>This project's own paths.</summary>
internal static class OwnProtocol
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/compare", CompareAsync).Described<CompareRequest, CompareResponse>("compare", "Compares pairs of answers, in both orders.");
        routes.MapGet("/v1/judge", Judge).WithName("judge").WithSummary("The judge that answers.").Produces<JudgeResponse>();
        routes.MapPost("/v1/rank", RankAsync).Described<RankRequest, RankResponse>("rank", "Ranks answers to one prompt by a tournament.");
    }

    private static IResult Judge(ServedJudge judge, RewardServerOptions options)
    {
        var config = judge.Config ?? GramConfig.Published;
        return Answer.Of(new JudgeResponse(options.ModelName, judge.Fingerprint, config.Prompt, config.Labels, config.TurnFormat));
    }

    private static async Task<IResult> CompareAsync(HttpContext context, Scoring scoring)
    {
        var request = await scoring.ReadAsync<CompareRequest>(context);
        scoring.CheckCount(request.Pairs.Count);
        AnswerPair[] pairs = [.. Scoring.Whole(request.Pairs, "pairs").Select((pair, i) => scoring.PairOf(
            scoring.PromptOf(pair.Prompt, pair.Messages, $"pairs[{i}]"), scoring.Checked(pair.ResponseA, $"pairs[{i}].response_a"), scoring.Checked(pair.ResponseB, $"pairs[{i}].response_b")))];
        var scores = await scoring.ScoreAsync(context, pairs);
        return Answer.Of(new CompareResponse([.. scores.Select(CompareResult.Of)]));
    }

    private static async Task<IResult> RankAsync(HttpContext context, Scoring scoring)
    {
        var request = await scoring.ReadAsync<RankRequest>(context);
        var method = Tournament.ByName(request.Method);
        scoring.CheckCount(method.MostComparisons(request.Responses.Count));
        var prompt = scoring.PromptOf(request.Prompt, request.Messages, "the request");
        string[] answers = [.. Scoring.Whole(request.Responses, "responses").Select((response, i) => JudgeText.Clean(scoring.Checked(response, $"responses[{i}]")))];
        var ranked = await method.RankAsync(new RequestJudge(context, scoring), [(scoring.PairOf(prompt, "", "").Question, answers)], context.RequestAborted);
        return Answer.Of(RankedRow.Of(GenerationFile.RowOf(prompt, request.Responses), ranked[0], method.Name));
    }

    /// <summary>The judge, as a tournament of one request asks it.</summary>
    private sealed class RequestJudge(HttpContext context, Scoring scoring) : IPairJudge
    {
        public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) => scoring.ScoreAsync(context, pairs);
    }
}
