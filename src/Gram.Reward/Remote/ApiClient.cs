using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Polly;
using Polly.Retry;

namespace Gram.Reward.Remote;

/// <summary>Asks a server for JSON: a few requests at a time, again where it failed in passing, an error in one line where it failed for good.</summary>
internal sealed class ApiClient : IDisposable
{
    private const int LongestDetail = 300;

    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    private static readonly HashSet<HttpStatusCode> Passing = [HttpStatusCode.RequestTimeout, HttpStatusCode.TooManyRequests, HttpStatusCode.InternalServerError, HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout];

    private readonly HttpClient http;
    private readonly SemaphoreSlim room;
    private readonly ResiliencePipeline<HttpResponseMessage> retries;
    private readonly string name, keyName;

    /// <summary>A client of a server, which is not asked anything yet.</summary>
    /// <exception cref="GramException">The address holds a key.</exception>
    public ApiClient(RemoteOptions options)
    {
        // Messages and logs show the address.
        if (options.BaseUrl.UserInfo.Length > 0) throw new GramException($"{options.Option}: the address of the {options.Role} at {options.BaseUrl.Host} holds a name or a key: set {options.KeyName} to the key, and leave it out of the address");
        (name, keyName) = ($"{options.Role} at {options.BaseUrl}", options.KeyName);
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
            MaxDelay = LongestDelay,
            DelayGenerator = attempt => ValueTask.FromResult(AskedDelay(attempt.Outcome.Result?.Headers.RetryAfter)),
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
    /// <exception cref="RefusedRequestException">The server refuses.</exception>
    /// <exception cref="GramException">It failed for good in another way.</exception>
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

    private RefusedRequestException Refused(HttpStatusCode status, string text)
    {
        var detail = Detail(text).ReplaceLineEndings(" ");
        var advice = status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => $"; set {keyName} to its key",
            HttpStatusCode.NotFound => "; check the address (an OpenAI-compatible server's mostly ends in /v1) and the model's name",
            _ => "",
        };
        return new($"{name} refuses ({(int)status}): {detail[..Math.Min(detail.Length, LongestDetail)]}{advice}", status);
    }

    /// <summary>The wait that a server asks for, in seconds or until a date, as far as it is worth waiting for; null where it asks for none.</summary>
    private static TimeSpan? AskedDelay(RetryConditionHeaderValue? header)
    {
        if ((header?.Delta ?? header?.Date - DateTimeOffset.UtcNow) is not { } asked) return null;
        return asked < TimeSpan.Zero ? TimeSpan.Zero : asked > LongestDelay ? LongestDelay : asked;
    }

    /// <summary>The words of an error: problem+json's, OpenAI's, or the text as it is.</summary>
    private static string Detail(string text)
    {
        try
        {
            var error = JsonNode.Parse(text) as JsonObject;
            return (error?["detail"] ?? (error?["error"] as JsonObject)?["message"] ?? error?["message"] ?? error?["error"])?.ToString() ?? text;
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
