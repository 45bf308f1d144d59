using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Ppo;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of <c>serve</c> alone.</summary>
internal sealed record ServeOptions : IValidatableObject
{
    [ConfigurationKeyName("port"), Description("port on this machine's own address; 0 = one that is free"), Range(0, 65535)]
    public int Port { get; init; } = 5080;

    [ConfigurationKeyName("urls"), Description("addresses instead of port, for instance http://0.0.0.0:5080; give them keys (api_keys) where others can reach them")]
    public IReadOnlyList<string> Urls { get; init; } = [];

    [ConfigurationKeyName("api_keys"), Description("file of keys that open the server: a name and the key's SHA-256 a line")]
    public string? ApiKeys { get; init; }

    [ConfigurationKeyName("template"), Description("chat template that clients have written prompts and answers with, where they send both in one text")]
    public string? Template { get; init; }

    [ConfigurationKeyName("reference_file"), Description("file of prompts with a reference each: what answers are judged against where a request brings no label")]
    public string? ReferenceFile { get; init; }

    [ConfigurationKeyName("reference_model"), Description("model whose greedy answers are judged against where neither label nor file has one: a directory or hub id")]
    public string? ReferenceModel { get; init; }

    [ConfigurationKeyName("reference_max_new_tokens"), Description("most tokens of such an answer"), Range(1, int.MaxValue)]
    public int ReferenceMaxNewTokens { get; init; } = 512;

    [ConfigurationKeyName("reward_transform"), Description("from the judge's score p to a trainer's reward: centered 2p − 1, logit, or probability p")]
    public RewardTransform RewardTransform { get; init; } = RewardTransform.Centered;

    [ConfigurationKeyName("reward_clip"), Description("bound of the logit transform"), Range(1e-3, 100)]
    public double RewardClip { get; init; } = 5;

    [ConfigurationKeyName("marker_penalty"), Description("gives a trainer's answers that imitate the judge prompt's markers the lowest score")]
    public bool MarkerPenalty { get; init; } = true;

    [ConfigurationKeyName("max_body_bytes"), Description("most bytes of a request; above: 413"), Range(1024, int.MaxValue)]
    public int MaxBodyBytes { get; init; } = 8 << 20;

    [ConfigurationKeyName("max_text_length"), Description("most characters of a text; above: 400"), Range(1, int.MaxValue)]
    public int MaxTextLength { get; init; } = 100_000;

    [ConfigurationKeyName("max_pairs"), Description("most pairs of a request; above: 400"), Range(1, int.MaxValue)]
    public int MaxPairs { get; init; } = 1024;

    [ConfigurationKeyName("max_waiting_pairs"), Description("pairs that may wait; above: 429"), Range(1, int.MaxValue)]
    public int MaxWaitingPairs { get; init; } = 4096;

    [ConfigurationKeyName("max_batch_pairs"), Description("pairs from which a batch takes no further request"), Range(1, int.MaxValue)]
    public int MaxBatchPairs { get; init; } = 256;

    [ConfigurationKeyName("max_batch_tokens"), Description("tokens beyond which a batch takes no further request"), Range(1, int.MaxValue)]
    public int MaxBatchTokens { get; init; } = 32768;

    [ConfigurationKeyName("gather_ms"), Description("milliseconds that the first request after a pause waits for company"), Range(0.0, 1000.0)]
    public double GatherMs { get; init; } = 2;

    [ConfigurationKeyName("prefix_cache_mb"), Description("memory in MB for recent questions and answers, so that later pairs about them cost less; 0 = none"), Range(0, int.MaxValue)]
    public int PrefixCacheMb { get; init; } = 256;

    [ConfigurationKeyName("shutdown_seconds"), Description("most seconds that requests under way may take when the server stops"), Range(0, 86400)]
    public int ShutdownSeconds { get; init; } = 30;

    [ConfigurationKeyName("log_format"), Description("form of the log on standard error"), AllowedValues("text", "json")]
    public string LogFormat { get; init; } = "text";

    [ConfigurationKeyName("log_texts"), Description("writes questions and answers into the log")]
    public bool LogTexts { get; init; }

    /// <summary>Where the server listens.</summary>
    public IReadOnlyList<string> Addresses => Urls.Count > 0 ? Urls : [string.Create(System.Globalization.CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}")];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var url in Urls.Where(url => !Uri.TryCreate(url.Replace("//*", "//any", StringComparison.Ordinal).Replace("//+", "//any", StringComparison.Ordinal), UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp))
            yield return new ValidationResult($"urls: {url} is no address such as http://0.0.0.0:5080 (for https put a proxy before the server)");
    }
}
