using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Polly;
using Polly.Retry;

namespace Gram.Reward.Remote;

/// <summary>Asks a judge's server: a few requests at a time, again where it failed in passing, an error in one line where it failed for good.</summary>
internal sealed class JudgeClient : IDisposable
{
    private const int LongestDetail = 300;

    private static readonly HashSet<HttpStatusCode> Passing = [HttpStatusCode.RequestTimeout, HttpStatusCode.TooManyRequests, HttpStatusCode.InternalServerError, HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout];

    private readonly HttpClient http;
    private readonly SemaphoreSlim room;
    private readonly ResiliencePipeline<HttpResponseMessage> retries;
    private readonly string name;

    public JudgeClient(RemoteJudgeOptions options)
    {
        name = $"judge at {options.BaseUrl}";
        http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = options.Concurrency, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            BaseAddress = new Uri(options.BaseUrl.AbsoluteUri.TrimEnd('/') + "/"),
            Timeout = options.Timeout,
        };
        if (options.ApiKey is { } key) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        room = new SemaphoreSlim(options.Concurrency);
        retries = options.Retries == 0 ? ResiliencePipeline<HttpResponseMessage>.Empty : new ResiliencePipelineBuilder<HttpResponseMessage>().AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome switch
            {
                { Exception: HttpRequestException } => true,
                { Exception: TaskCanceledException { InnerException: TimeoutException } } => true,
                { Result: { } response } => Passing.Contains(response.StatusCode),
                _ => false,
            }),
            MaxRetryAttempts = options.Retries,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = options.RetryDelay,
            MaxDelay = TimeSpan.FromMinutes(1),
            DelayGenerator = attempt => ValueTask.FromResult(attempt.Outcome.Result?.Headers.RetryAfter?.Delta),
            OnRetry = attempt =>
            {
                attempt.Outcome.Result?.Dispose();
                return default;
            },
        }).Build();
    }

    /// <summary>The answer to a request.</summary>
    /// <param name="path">The path below the base URL.</param>
    /// <param name="body">The JSON to post; null = a GET.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GramException">It failed for good.</exception>
    public async Task<JsonObject> AskAsync(string path, JsonObject? body, CancellationToken cancellationToken)
    {
        await room.WaitAsync(cancellationToken);
        try
        {
            // What is only asked at the start is asked once: a wrong address shall be known at once.
            using var response = await (body is null ? ResiliencePipeline<HttpResponseMessage>.Empty : retries).ExecuteAsync(async cancelled => body is null
                ? await http.GetAsync(new Uri(path, UriKind.Relative), cancelled)
                : await http.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json"), cancelled), cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            if (!response.IsSuccessStatusCode) throw Refused(response.StatusCode, text);
            return JsonNode.Parse(text) as JsonObject ?? throw Strange("an object is expected");
        }
        catch (JsonException error)
        {
            throw new GramException($"{name} answers /{path} with what is no JSON: is the address right?", error);
        }
        catch (HttpRequestException error)
        {
            throw new GramException($"{name} cannot be reached: {error.Message}", error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GramException($"{name} did not answer within {http.Timeout.TotalSeconds:0} s", error);
        }
        finally
        {
            room.Release();
        }
    }

    /// <summary>What asking about each item gives, in their order. The first that fails for good ends the others: they would fail one after the other.</summary>
    public static async Task<TResult[]> AskEachAsync<TItem, TResult>(IEnumerable<TItem> items, Func<TItem, CancellationToken, Task<TResult>> ask, CancellationToken cancellationToken)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        return await Task.WhenAll(items.Select(async item =>
        {
            try
            {
                return await ask(item, failed.Token);
            }
            catch (GramException)
            {
                await failed.CancelAsync();
                throw;
            }
        }));
    }

    /// <summary>The error of an answer that is not what it should be.</summary>
    public GramException Strange(string problem) => new($"{name} answers strangely: {problem}");

    public void Dispose()
    {
        http.Dispose();
        room.Dispose();
    }

    private GramException Refused(HttpStatusCode status, string text)
    {
        var detail = Detail(text).ReplaceLineEndings(" ");
        var advice = status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? $"; set {RemoteJudgeOptions.KeyVariable} to its key" : "";
        return new GramException($"{name} refuses ({(int)status}): {detail[..Math.Min(detail.Length, LongestDetail)]}{advice}");
    }

    /// <summary>The words of an error: problem+json's, OpenAI's, or the text as it is.</summary>
    private static string Detail(string text)
    {
        try
        {
            var error = JsonNode.Parse(text) as JsonObject;
            return (error?["detail"] ?? (error?["error"] as JsonObject)?["message"] ?? error?["message"])?.ToString() ?? text;
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
