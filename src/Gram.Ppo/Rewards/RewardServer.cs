using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Gram.Models;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Gram.Ppo.Rewards;

/// <summary>A reward server that speaks OpenRLHF's protocol: <c>POST {"query", "prompts", "labels"}</c>, answered by <c>{"rewards": […]}</c>.</summary>
public sealed class RewardServer : IReward, IDisposable
{
    /// <summary>Its name among the terms, unless it is given another.</summary>
    public const string TermName = "server";

    private const int ResponsesARequest = 32, RequestsAtOnce = 8, MostOfAnAnswer = 200;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    private readonly Uri address;
    private readonly int retries;
    private readonly HttpClient http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly ResiliencePipeline<Answer> pipeline;

    /// <summary>A server, which is not asked anything yet.</summary>
    /// <param name="name">The term's name.</param>
    /// <param name="address">Its address, path included.</param>
    /// <param name="timeout">Longest wait for an answer, a try at a time.</param>
    /// <param name="retries">Tries after the first, where the server is busy or away.</param>
    /// <param name="firstDelay">Wait before the second try, which doubles with each one after it; half a second unless given.</param>
    public RewardServer(string name, Uri address, TimeSpan timeout, int retries, TimeSpan? firstDelay = null)
    {
        (Name, this.address, this.retries) = (name, address, retries);
        var builder = new ResiliencePipelineBuilder<Answer>();
        if (retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions<Answer>
            {
                MaxRetryAttempts = retries,
                Delay = firstDelay ?? TimeSpan.FromSeconds(0.5),
                MaxDelay = LongestDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<Answer>().Handle<HttpRequestException>().Handle<TimeoutRejectedException>().HandleResult(answer => answer.IsPassing),
                DelayGenerator = tried => new(tried.Outcome.Result?.RetryAfter is { } asked && asked > LongestDelay ? LongestDelay : tried.Outcome.Result?.RetryAfter),
            });
        }
        pipeline = builder.AddTimeout(timeout).Build();
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    /// <exception cref="GramException">The server cannot be reached, refuses, or answers something else than a number for each response.</exception>
    public async ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default)
    {
        var rewards = new double[responses.Count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = RequestsAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(responses.Chunk(ResponsesARequest).Index(), parallel, async (part, token) =>
            (await AskAsync(part.Item, token)).CopyTo(rewards, part.Index * ResponsesARequest));
        return rewards;
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private async Task<double[]> AskAsync(RewardRequest[] responses, CancellationToken cancellationToken)
    {
        var body = new Query(
            [.. responses.Select(response => response.PromptText + response.RawResponse)],
            [.. responses.Select(response => response.PromptText)],
            [.. responses.Select(response => response.Prompt.Reference ?? response.Reference)]);
        Answer answer;
        try
        {
            answer = await pipeline.ExecuteAsync(async limit =>
            {
                using var response = await http.PostAsJsonAsync(address, body, limit);
                return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(limit), response.Headers.RetryAfter?.Delta);
            }, cancellationToken);
        }
        catch (Exception error) when (error is HttpRequestException or TimeoutRejectedException)
        {
            var why = error is TimeoutRejectedException rejected ? $"no answer within {rejected.Timeout.TotalSeconds:0.###} seconds" : error.GetBaseException().Message.TrimEnd('.').ReplaceLineEndings(" ");
            throw Failure($"cannot be reached ({why}), tried {1 + retries} times: check the address, and that the server runs", error);
        }
        if (!answer.IsSuccess) throw Failure($"answered {(int)answer.Status} ({Shown(answer.Body)}){(answer.IsPassing ? $", tried {1 + retries} times" : "")}: see the server's log");
        return Rewards(answer.Body, responses.Length);
    }

    private double[] Rewards(string body, int count)
    {
        JsonNode? json;
        try
        {
            json = JsonNode.Parse(body);
        }
        catch (JsonException error)
        {
            throw Failure($"answered no JSON ({Shown(body)}): {{\"rewards\": [a number for each query]}} is needed", error);
        }
        if ((json as JsonObject)?["rewards"] is not JsonArray rewards) throw Failure($"answered without a list of rewards ({Shown(body)}): {{\"rewards\": [a number for each query]}} is needed");
        if (rewards.Count != count) throw Failure($"answered {rewards.Count} rewards for {count} responses: one is needed for each query");
        return [.. rewards.Select((reward, i) => reward?.GetValueKind() == JsonValueKind.Number ? reward.GetValue<double>() : throw Failure($"answered {Shown(reward?.ToJsonString() ?? "null")} as rewards[{i}]: a number is needed"))];
    }

    private GramException Failure(string what, Exception? cause = null) => new($"reward_servers: {Name}, {address}, {what}", cause);

    private static string Shown(string text) => text.ReplaceLineEndings(" ") is { Length: > MostOfAnAnswer } line ? line[..MostOfAnAnswer] + "…" : text.ReplaceLineEndings(" ");

    private sealed record Query([property: JsonPropertyName("query")] string[] Queries, [property: JsonPropertyName("prompts")] string[] Prompts, [property: JsonPropertyName("labels")] string[] Labels);

    private sealed record Answer(HttpStatusCode Status, string Body, TimeSpan? RetryAfter)
    {
        public bool IsSuccess => (int)Status is >= 200 and < 300;

        /// <summary>Whether it may be over in a moment.</summary>
        public bool IsPassing => Status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;
    }
}
