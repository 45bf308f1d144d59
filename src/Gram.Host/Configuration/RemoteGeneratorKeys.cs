using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using Gram.Reward.Remote;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of a model that answers elsewhere.</summary>
internal sealed record RemoteGeneratorKeys : IValidatableObject
{
    [ConfigurationKeyName("generator_url"), Description($"an OpenAI-compatible server that answers instead of a model here (vLLM, SGLang, llama.cpp, Ollama: http://host:8000/v1), with model_name_or_path as the model's name there; {RemoteGeneratorOptions.KeyVariable} in the environment holds its key")]
    public string? Url { get; init; }

    [ConfigurationKeyName("generator_concurrency"), Description("requests to that server at a time"), Range(1, 1024)]
    public int Concurrency { get; init; } = 16;

    [ConfigurationKeyName("generator_choices"), Description("answers asked of it in one request (0 = all of a prompt; what it gives less is asked for one by one)"), Range(0, 65536)]
    public int Choices { get; init; }

    [ConfigurationKeyName("generator_timeout"), Description("seconds that one of its requests may take"), Range(1, 86400)]
    public int Timeout { get; init; } = 600;

    [ConfigurationKeyName("generator_cache"), Description("file that keeps its answers (SQLite), so that none is paid for twice and an interrupted run goes on")]
    public string? Cache { get; init; }

    [ConfigurationKeyName("generator_request_fields"), Description("JSON object of further fields of each request, or other values of those that it has; null takes one out: {\"top_k\": -1, \"seed\": null}")]
    public string? RequestFields { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Url is not null && !RequestJson.IsAddress(Url)) yield return new ValidationResult($"generator_url: {Url} is no address such as http://host:8000/v1");
        if (Url is null && (Cache ?? RequestFields) is not null) yield return new ValidationResult("generator_cache, generator_request_fields: they are of a model elsewhere; name its server with generator_url, or leave them out");
        if (RequestFields is not null && RequestJson.Parse(RequestFields) is null) yield return new ValidationResult($"generator_request_fields: {RequestFields} is no JSON object");
    }

    /// <summary>The model that the keys name.</summary>
    /// <param name="model">The keys of the model itself.</param>
    public RemoteGeneratorOptions Options(ModelOptions model) => new()
    {
        BaseUrl = new Uri(Url!),
        Model = model.ModelNameOrPath,
        RawText = model.Template == ModelOptions.NoTemplate,
        EnableThinking = model.EnableThinking,
        ChoicesPerRequest = Choices,
        Cache = Cache,
        Concurrency = Concurrency,
        Timeout = TimeSpan.FromSeconds(Timeout),
        RequestFields = RequestFields is null ? null : RequestJson.Parse(RequestFields),
    };
}
