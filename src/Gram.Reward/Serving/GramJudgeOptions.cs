using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using static TorchSharp.torch;

namespace Gram.Reward.Serving;

/// <summary>The judge of an application. From configuration, it has the keys of <c>gram serve</c>, device and dtype among them.</summary>
public sealed record GramJudgeOptions : IValidatableObject
{
    /// <summary>The GRAM checkpoint: a Hugging Face directory, or a hub id, which is downloaded where the cache lacks it.</summary>
    [ConfigurationKeyName("reward_model"), Description("the judge: a GRAM checkpoint's directory or hub id")]
    public string Model { get; set; } = "";

    /// <summary>A LoRA adapter that goes over the checkpoint; null = none, or the one that <see cref="Model"/> is.</summary>
    [ConfigurationKeyName("reward_model_adapters"), Description("a LoRA adapter that goes over the judge: a PEFT directory or hub id")]
    public string? Adapter { get; set; }

    /// <summary>Dtype that it computes in; null = the faster one on the device.</summary>
    public ScalarType? DType { get; set; }

    /// <summary>Where it runs; null = the CPU.</summary>
    public Device? Device { get; set; }

    /// <summary>8: its blocks' linears become int8; null: they stay as they are.</summary>
    [ConfigurationKeyName("reward_model_quantization_bit"), Description("8: the blocks' linear layers of the judge become int8 as it is loaded")]
    [AllowedValues(null, 8, ErrorMessage = "reward_model_quantization_bit must be 8: int8 is the only quantised form")]
    public int? QuantizationBit { get; set; }

    /// <summary>Most tokens of a forward.</summary>
    [ConfigurationKeyName("batch_tokens"), Description("most tokens of a forward"), Range(1, int.MaxValue)]
    public int BatchTokens { get; set; } = 8192;

    /// <summary>Memory in MiB for what recent questions and answers were to the model, so that later pairs about them cost less.</summary>
    [ConfigurationKeyName("prefix_cache_mb"), Description("memory for what recent questions and answers were to the model, in MiB"), Range(0, int.MaxValue)]
    public int PrefixCacheMb { get; set; }

    /// <summary>Pairs from which a batch of waiting requests takes no further one.</summary>
    [ConfigurationKeyName("max_batch_pairs"), Description("pairs from which a batch of waiting requests takes no further one"), Range(1, int.MaxValue)]
    public int MaxPairs { get; set; } = 256;

    /// <summary>Tokens beyond which a batch of waiting requests takes no further one.</summary>
    [ConfigurationKeyName("max_batch_tokens"), Description("tokens beyond which a batch of waiting requests takes no further one"), Range(1, long.MaxValue)]
    public long MaxBatchTokens { get; set; } = long.MaxValue;

    /// <summary>How long the first request after a pause waits for company, in milliseconds.</summary>
    [ConfigurationKeyName("gather_ms"), Description("how long the first request after a pause waits for company, in milliseconds"), Range(0.0, 60000.0)]
    public double GatherMs { get; set; }

    /// <summary>Pairs that may wait; requests above that get an <see cref="Pipes.OverloadedException"/>.</summary>
    [ConfigurationKeyName("max_waiting_pairs"), Description("pairs that may wait"), Range(1, int.MaxValue)]
    public int MaxWaitingPairs { get; set; } = int.MaxValue;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (string.IsNullOrWhiteSpace(Model)) yield return new ValidationResult("reward_model is needed: a GRAM checkpoint's directory or hub id", ["reward_model"]);
    }
}
