using System.Text.Json.Nodes;
using Gram.Reward.Judging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Gram.Serving.Tests.Remote;

/// <summary>An OpenAI-compatible server whose model judges by <see cref="RuleJudge"/>: it reads the judge prompt, and puts its probabilities on the labels.</summary>
internal sealed class ChatServer : IAsyncDisposable
{
    private readonly GramConfig config;
    private WebApplication app = null!;
    private int underWay;

    private ChatServer(GramConfig config) => this.config = config;

    /// <summary>Where it is.</summary>
    public Uri BaseUrl => new(app.Urls.Single() + "/v1");

    /// <summary>Bodies and keys of the requests so far.</summary>
    public List<(JsonObject Body, string? Authorization)> Requests { get; } = [];

    /// <summary>Most requests that were under way at a time.</summary>
    public int MostUnderWay { get; private set; }

    /// <summary>What to answer instead, given the request's number; null: the judgement.</summary>
    public Func<int, IResult?> Instead { get; set; } = _ => null;

    /// <summary>What to make of the likeliest tokens and their log-probabilities.</summary>
    public Func<List<(string Token, double LogProb)>, List<(string Token, double LogProb)>> Shown { get; set; } = tokens => tokens;

    public static async Task<ChatServer> StartAsync(GramConfig? config = null)
    {
        var server = new ChatServer(config ?? GramConfig.Published);
        server.app = await LocalApplication.StartAsync(app => app.MapPost("/v1/chat/completions", (Delegate)server.CompleteAsync));
        return server;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task<IResult> CompleteAsync(HttpContext context)
    {
        var body = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
        int number;
        lock (Requests)
        {
            Requests.Add((body, context.Request.Headers.Authorization));
            number = Requests.Count;
            MostUnderWay = Math.Max(MostUnderWay, ++underWay);
        }
        await Task.Delay(5);
        lock (Requests) underWay--;
        if (Instead(number) is { } other) return other;
        var pair = new JudgePrompt(config).Parse(body["messages"]![0]!["content"]!.GetValue<string>())!;
        var first = RuleJudge.ScoreOf(pair).PAb;
        // A tenth of the probability is on other tokens.
        var tokens = Shown([(config.Labels[0], Math.Log(0.9 * first)), (" The", Math.Log(0.06)), (config.Labels[1], Math.Log(0.9 * (1 - first))), ("Both", Math.Log(0.04))]);
        return Results.Json(new JsonObject
        {
            ["id"] = "chatcmpl-1",
            ["choices"] = new JsonArray(new JsonObject
            {
                ["index"] = 0,
                ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = tokens[0].Token },
                ["logprobs"] = new JsonObject
                {
                    ["content"] = new JsonArray(new JsonObject
                    {
                        ["token"] = tokens[0].Token,
                        ["logprob"] = tokens[0].LogProb,
                        ["top_logprobs"] = new JsonArray([.. tokens.Select(token => new JsonObject { ["token"] = token.Token, ["logprob"] = token.LogProb, ["bytes"] = new JsonArray() })]),
                    }),
                },
                ["finish_reason"] = "length",
            }),
        });
    }
}
