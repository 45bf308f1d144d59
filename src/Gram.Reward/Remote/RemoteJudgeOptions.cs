using System.Text.Json.Nodes;
using Gram.Reward.Judging;

namespace Gram.Reward.Remote;

/// <summary>A judge that is elsewhere.</summary>
public sealed record RemoteJudgeOptions
{
    /// <summary>Name of the environment variable that holds the key.</summary>
    public const string KeyVariable = "GRAM_JUDGE_API_KEY";

    /// <summary>Where it is: a reward server's address, or that of an OpenAI-compatible one (http://host:8000/v1).</summary>
    public required Uri BaseUrl { get; init; }

    /// <summary>The model that an OpenAI-compatible server is to ask; null: this project's reward server, which has one judge.</summary>
    public string? Model { get; init; }

    /// <summary>The judge's prompt and labels, which an OpenAI-compatible server does not know; this project's tells its own.</summary>
    public GramConfig Config { get; init; } = GramConfig.Published;

    /// <summary>The key, or null.</summary>
    public string? ApiKey { get; init; } = Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key ? key : null;

    /// <summary>Requests under way at a time.</summary>
    public int Concurrency { get; init; } = 16;

    /// <summary>How often a request that failed in passing (429, 5xx, no connection) is made again.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>The wait before the first of these, which doubles; a server's Retry-After comes before it.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest time of one request.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>File that keeps scores, so that no pair is paid for twice; null = none.</summary>
    public string? Cache { get; init; }

    /// <summary>Further fields of an OpenAI-compatible request: what restricts the answer to the labels, where the server has such a thing.</summary>
    public JsonObject? RequestFields { get; init; }
}
