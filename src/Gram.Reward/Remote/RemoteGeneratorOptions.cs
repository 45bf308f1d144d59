using System.Text.Json.Nodes;

namespace Gram.Reward.Remote;

/// <summary>A model that answers elsewhere, behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, or a hosted one.</summary>
public sealed record RemoteGeneratorOptions : RemoteOptions
{
    /// <summary>Name of the environment variable that holds the key.</summary>
    public const string KeyVariable = "GRAM_GENERATOR_API_KEY";

    /// <summary>One whose requests may take ten minutes.</summary>
    public RemoteGeneratorOptions() : base("generator", "generator_url", KeyVariable) => Timeout = TimeSpan.FromMinutes(10);

    /// <summary>The model's name there.</summary>
    public required string Model { get; init; }

    /// <summary>Whether prompts go out as raw text (<c>/completions</c>) instead of as conversations, which the server's chat template writes (<c>/chat/completions</c>).</summary>
    public bool RawText { get; init; }

    /// <summary>Answers asked for in one request; 0 = all that a prompt needs. What a server gives less is asked for one by one.</summary>
    public int ChoicesPerRequest { get; init; }

    /// <summary>Whether the chat template opens a think block, where it has one; null = the server's own way, of which nothing is said.</summary>
    public bool? EnableThinking { get; init; }

    /// <summary>File that keeps answers, so that none is paid for twice and an interrupted run goes on; null = none.</summary>
    public string? Cache { get; init; }

    /// <summary>Further fields of each request, or other values of those that it has; null takes one out.</summary>
    public JsonObject? RequestFields { get; init; }
}
