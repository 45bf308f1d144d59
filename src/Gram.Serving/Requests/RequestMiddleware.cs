using System.Diagnostics;
using Gram.Models;
using Gram.Pipes;
using Gram.Serving.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Gram.Serving.Requests;

/// <summary>Around every request: its id, its place in log, metrics and traces, and the one line of an answer where it fails.</summary>
internal sealed partial class RequestMiddleware(RequestDelegate next, ServingTelemetry telemetry, ILogger<RequestMiddleware> logger)
{
    private static readonly Func<ILogger, string, IDisposable?> RequestScope = LoggerMessage.DefineScope<string>("request {RequestId}");

    public async Task InvokeAsync(HttpContext context)
    {
        var (record, start) = (RequestRecord.Of(context), Stopwatch.GetTimestamp());
        context.Response.Headers[RequestRecord.Header] = record.Id;
        Activity.Current?.SetTag("gram.request_id", record.Id);
        using var scope = RequestScope(logger, record.Id);
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= StatusCodes.Status400BadRequest, ContentType: null } unsaid) await Problem.WriteAsync(context, unsaid.StatusCode, Unanswered(context), record.Id);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
        catch (Exception error) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, record, error);
        }
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";
        var took = Stopwatch.GetElapsedTime(start);
        Activity.Current?.SetTag("gram.pairs", record.Pairs);
        telemetry.Request(route, context.Response.StatusCode, record.Pairs, took);
        LogDone(context.Response.StatusCode >= StatusCodes.Status500InternalServerError ? LogLevel.Error : LogLevel.Information, context.Request.Method, route, context.Response.StatusCode, record.Pairs, took.TotalMilliseconds, record.Id, record.Key);
    }

    private static string Unanswered(HttpContext context) => context.Response.StatusCode == StatusCodes.Status415UnsupportedMediaType
        ? $"{context.Request.Path} takes JSON: send Content-Type: application/json"
        : $"{context.Request.Method} {context.Request.Path} is not what this server answers: {RewardServer.OpenApiPath} lists what is";

    private async Task AnswerAsync(HttpContext context, RequestRecord record, Exception error)
    {
        var (status, detail) = error switch
        {
            RefusedException refused => (refused.Status, refused.Message),
            OverloadedException overloaded => (StatusCodes.Status429TooManyRequests, overloaded.Message),
            GramException wrong => (StatusCodes.Status400BadRequest, wrong.Message),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => (StatusCodes.Status413PayloadTooLarge, "the body is larger than this server takes (max_body_bytes): send fewer texts at a time"),
            BadHttpRequestException bad => (bad.StatusCode, bad.Message),
            ObjectDisposedException => (StatusCodes.Status503ServiceUnavailable, "the server is stopping"),
            _ => (StatusCodes.Status500InternalServerError, $"a bug in gram; its stack is in the server's log under request {record.Id}"),
        };
        if (status == StatusCodes.Status500InternalServerError) LogBug(error, record.Id);
        if (error is OverloadedException full) context.Response.Headers.RetryAfter = Math.Ceiling(full.RetryAfter.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        await Problem.WriteAsync(context, status, detail, record.Id);
    }

    [LoggerMessage(EventId = 1, EventName = "RequestDone", Message = "{Method} {Route} {Status}, {Pairs} pairs in {Milliseconds:0.0} ms, request {RequestId}, key {Key}")]
    private partial void LogDone(LogLevel level, string method, string route, int status, int pairs, double milliseconds, string requestId, string? key);

    [LoggerMessage(EventId = 2, EventName = "Bug", Level = LogLevel.Error, Message = "request {RequestId} failed")]
    private partial void LogBug(Exception error, string requestId);
}
