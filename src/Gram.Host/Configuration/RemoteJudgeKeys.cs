using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Models;
using Gram.Reward.Judging;
using Gram.Reward.Remote;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of a judge that is elsewhere.</summary>
internal sealed record RemoteJudgeKeys : IValidatableObject
{
    [ConfigurationKeyName("base_url"), Description($"a judge elsewhere instead of a checkpoint: a gram server (http://host:5080), or with reward_model as its model's name an OpenAI-compatible one (http://host:8000/v1); {RemoteJudgeOptions.KeyVariable} in the environment holds its key")]
    public string? BaseUrl { get; init; }

    [ConfigurationKeyName("judge_config"), Description("gram_config.json of a judge behind an OpenAI-compatible server, or its folder (default: GRAM's own prompt and labels)")]
    public string? Config { get; init; }

    [ConfigurationKeyName("judge_cache"), Description("file that keeps the scores of a judge elsewhere (SQLite), so that no pair is asked for twice")]
    public string? Cache { get; init; }

    [ConfigurationKeyName("judge_concurrency"), Description("requests to a judge elsewhere at a time"), Range(1, 1024)]
    public int Concurrency { get; init; } = 16;

    [ConfigurationKeyName("judge_request_fields"), Description("JSON object that is added to an OpenAI-compatible request, for instance {\"guided_choice\": [\"A\", \"B\"]} where the server can restrict answers to the labels")]
    public string? RequestFields { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (BaseUrl is not null && !RequestJson.IsAddress(BaseUrl)) yield return new ValidationResult($"base_url: {BaseUrl} is no address such as http://host:5080");
        if (BaseUrl is null && (Config ?? Cache ?? RequestFields) is not null) yield return new ValidationResult("judge_config, judge_cache, judge_request_fields: they are of a judge elsewhere; name it with base_url, or leave them out");
        if (RequestFields is not null && RequestJson.Parse(RequestFields) is null) yield return new ValidationResult($"judge_request_fields: {RequestFields} is no JSON object");
    }

    /// <summary>The judge that the keys name.</summary>
    /// <param name="model">The model that an OpenAI-compatible server is to ask; empty: this project's server.</param>
    /// <exception cref="GramException">The configuration of the judge is missing or broken.</exception>
    public RemoteJudgeOptions Options(string model) => new()
    {
        BaseUrl = new Uri(BaseUrl!),
        Model = model.Length > 0 ? model : null,
        Config = Config is null ? GramConfig.Published : Read(Config),
        Cache = Cache,
        Concurrency = Concurrency,
        RequestFields = RequestFields is null ? null : RequestJson.Parse(RequestFields),
    };

    private static GramConfig Read(string path)
    {
        var file = Directory.Exists(path) ? Path.Combine(path, GramConfig.FileName) : path;
        if (!File.Exists(file) || Path.GetFileName(file) != GramConfig.FileName) throw new GramException($"judge_config: {path} is neither a {GramConfig.FileName} nor a folder that holds one");
        return GramConfig.Read(Path.GetDirectoryName(Path.GetFullPath(file))!);
    }
}
