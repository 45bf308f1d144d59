using System.Text.Json.Nodes;
using Gram.Reward.Judging;

namespace Gram.Reward.Remote;

/// <summary>A judge that is elsewhere: at a reward server's address, or that of an OpenAI-compatible one (http://host:8000/v1).</summary>
public sealed record RemoteJudgeOptions() : RemoteOptions("judge", "base_url", KeyVariable)
{
    /// <summary>Name of the environment variable that holds the key.</summary>
    public const string KeyVariable = "GRAM_JUDGE_API_KEY";

    /// <summary>The model that an OpenAI-compatible server is to ask; null: this project's reward server, which has one judge.</summary>
    public string? Model { get; init; }

    /// <summary>The judge's prompt and labels, which an OpenAI-compatible server does not know; this project's tells its own.</summary>
    public GramConfig Config { get; init; } = GramConfig.Published;

    /// <summary>File that keeps scores, so that no pair is paid for twice; null = none.</summary>
    public string? Cache { get; init; }

    /// <summary>Further fields of an OpenAI-compatible request: what restricts the answer to the labels, where the server has such a thing.</summary>
    public JsonObject? RequestFields { get; init; }
}
