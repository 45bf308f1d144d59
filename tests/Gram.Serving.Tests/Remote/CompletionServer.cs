using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Serving.Tests.Remote;

/// <summary>What OpenAI-compatible servers make of n, and what their answers look like.</summary>
public enum Dialect
{
    /// <summary>As many choices as n says, each with the next seed.</summary>
    Vllm,
    /// <summary>The same, with other fields beside.</summary>
    SgLang,
    /// <summary>Refuses n above 1.</summary>
    LlamaCpp,
    /// <summary>Knows no n: one choice, whatever it says.</summary>
    Ollama,
}

/// <summary>An OpenAI-compatible server whose model answers with the question and the seed, in the shapes of several servers.</summary>
public sealed class CompletionServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Dialect dialect;
    private int underWay;

    private CompletionServer(WebApplication app, Dialect dialect) => (this.app, this.dialect) = (app, dialect);

    /// <summary>Where it is.</summary>
    public Uri BaseUrl => new(app.Urls.Single() + "/v1");

    /// <summary>Paths, bodies and keys of the requests for answers so far.</summary>
    public List<(string Path, JsonObject Body, string? Authorization)> Requests { get; } = [];

    /// <summary>Most requests that were under way at a time.</summary>
    public int MostUnderWay { get; private set; }

    /// <summary>What to answer instead, given the request's number and body; null: the answers.</summary>
    public Func<int, JsonObject, IResult?> Instead { get; set; } = (_, _) => null;

    /// <summary>Whether it lists its models.</summary>
    public IResult Models { get; set; } = Results.Json(new { @object = "list", data = new[] { new { id = "policy", @object = "model" } } });

    /// <summary>The answer to a question at a seed.</summary>
    public Func<string, int, string?> Answer { get; set; } = (question, seed) => $"{question} Answer {seed}.";

    public static async Task<CompletionServer> StartAsync(Dialect dialect = Dialect.Vllm)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        var app = builder.Build();
        var server = new CompletionServer(app, dialect);
        app.MapGet("/v1/models", () => server.Models);
        app.MapPost("/v1/chat/completions", (Delegate)((HttpContext context) => server.CompleteAsync(context, body => (string)body["messages"]!.AsArray()[^1]!["content"]!, Chat)));
        app.MapPost("/v1/completions", (Delegate)((HttpContext context) => server.CompleteAsync(context, body => (string)body["prompt"]!, Raw)));
        await app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    /// <summary>An answer whose connection breaks in the middle.</summary>
    public static IResult Cut { get; } = new CutResult();

    /// <summary>A refusal that says when to come again.</summary>
    public static IResult Busy(string retryAfter) => new BusyResult(retryAfter);

    private async Task<IResult> CompleteAsync(HttpContext context, Func<JsonObject, string> question, Func<string?, int, JsonObject> choice)
    {
        var body = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
        int number;
        lock (Requests)
        {
            Requests.Add((context.Request.Path, body, context.Request.Headers.Authorization));
            number = Requests.Count;
            MostUnderWay = Math.Max(MostUnderWay, ++underWay);
        }
        await Task.Delay(5);
        lock (Requests) underWay--;
        if (Instead(number, body) is { } other) return other;
        var n = (int?)body["n"] ?? 1;
        if (dialect == Dialect.LlamaCpp && n > 1) return Results.Json(new { error = new { code = 400, message = "Only one completion choice is allowed", type = "invalid_request_error" } }, statusCode: 400);
        if (dialect == Dialect.Ollama) n = 1;
        var choices = Enumerable.Range(0, n).Select(i => choice(Answer(question(body), (int)body["seed"]! + i), i)).ToArray();
        // Nothing promises that the first choice comes first.
        if (dialect == Dialect.SgLang) Array.Reverse(choices);
        var answer = new JsonObject
        {
            ["id"] = "cmpl-1",
            ["object"] = context.Request.Path.Value!.Contains("chat", StringComparison.Ordinal) ? "chat.completion" : "text_completion",
            ["created"] = 1_764_000_000,
            ["model"] = (string?)body["model"],
            ["choices"] = new JsonArray([.. choices]),
            ["usage"] = new JsonObject { ["prompt_tokens"] = 9, ["total_tokens"] = 9 + (5 * n), ["completion_tokens"] = 5 * n },
        };
        if (dialect == Dialect.LlamaCpp) answer["timings"] = new JsonObject { ["predicted_n"] = 5, ["predicted_per_second"] = 12.5 };
        if (dialect == Dialect.Ollama) answer["system_fingerprint"] = "fp_ollama";
        return Results.Json(answer);
    }

    private static JsonObject Chat(string? text, int index) => new()
    {
        ["index"] = index,
        ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = text, ["reasoning_content"] = null, ["tool_calls"] = new JsonArray() },
        ["logprobs"] = null,
        ["finish_reason"] = text is null ? "length" : "stop",
        ["stop_reason"] = null,
    };

    private static JsonObject Raw(string? text, int index) => new() { ["index"] = index, ["text"] = text, ["logprobs"] = null, ["finish_reason"] = "stop" };

    private sealed class CutResult : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentLength = 1000;
            await httpContext.Response.WriteAsync("{\"choices\": [");
            await httpContext.Response.Body.FlushAsync();
            httpContext.Abort();
        }
    }

    private sealed class BusyResult(string retryAfter) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            httpContext.Response.Headers.RetryAfter = retryAfter;
            return httpContext.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{{\"error\": {{\"message\": \"come again in {retryAfter}\"}}}}"));
        }
    }
}
