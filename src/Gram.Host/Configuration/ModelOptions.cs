using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of a model that answers prompts.</summary>
internal sealed record ModelOptions : IValidatableObject
{
    /// <summary>The template that writes prompts as they are.</summary>
    public const string NoTemplate = "none";

    private const string OwnTemplate = "auto";

    [ConfigurationKeyName("model_name_or_path"), Required, Description("the model: a Hugging Face directory or hub id (--model is short for it); with generator_url the model's name there")]
    public string ModelNameOrPath { get; init; } = "";

    [ConfigurationKeyName("adapter_name_or_path"), Description("a LoRA adapter that goes over the model: a PEFT directory or hub id (an adapter that names its base can also be the model)")]
    public string? AdapterNameOrPath { get; init; }

    [ConfigurationKeyName("quantization_bit"), Description("8: the blocks' linear layers become int8 as the model is loaded, half of bfloat16's memory")]
    [AllowedValues(null, 8, ErrorMessage = "quantization_bit must be 8: int8 is the only quantised form")]
    public int? QuantizationBit { get; init; }

    [ConfigurationKeyName("template"), Description("chat template of the prompts: a name, none for raw text, or auto for the checkpoint's own (of a model at generator_url only these two)")]
    public string Template { get; init; } = OwnTemplate;

    [ConfigurationKeyName("enable_thinking"), Description("whether the chat template opens a think block, where it has one")]
    public bool? EnableThinking { get; init; } = false;

    [ConfigurationKeyName("per_device_eval_batch_size"), Description("answers decoded at once"), Range(1, 65536)]
    public int BatchSize { get; init; } = 64;

    /// <summary>Where it is, if not here.</summary>
    public RemoteGeneratorKeys Remote { get; init; } = new();

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var problem in Remote.Validate(validationContext)) yield return problem;
        if (Remote.Url is null) yield break;
        if (AdapterNameOrPath is not null || QuantizationBit is not null) yield return new ValidationResult("adapter_name_or_path, quantization_bit: what a model at generator_url computes with is its server's; leave them out");
        if (Template is not (OwnTemplate or NoTemplate)) yield return new ValidationResult($"template: a model at generator_url has its server's own template; set {OwnTemplate} for it, or {NoTemplate} for raw text, instead of {Template}");
    }
}

/// <summary>Keys of a judge.</summary>
internal abstract record JudgeKeys
{
    [ConfigurationKeyName("reward_model"), Description("the judge: a GRAM checkpoint's directory or hub id; with base_url the model's name there")]
    public string RewardModel { get; init; } = "";

    [ConfigurationKeyName("reward_model_adapters"), Description("a LoRA adapter that goes over the judge: a PEFT directory or hub id (an adapter that names its base can also be the judge)")]
    public string? RewardModelAdapters { get; init; }

    [ConfigurationKeyName("reward_model_quantization_bit"), Description("8: the blocks' linear layers of the judge become int8 as it is loaded, half of bfloat16's memory")]
    [AllowedValues(null, 8, ErrorMessage = "reward_model_quantization_bit must be 8: int8 is the only quantised form")]
    public int? RewardModelQuantizationBit { get; init; }

    /// <summary>Where it is, if not here.</summary>
    public RemoteJudgeKeys Remote { get; init; } = new();

    /// <summary>Whether there is a judge, here or elsewhere.</summary>
    public bool NamesJudge => RewardModel.Length > 0 || Remote.BaseUrl is not null;

    /// <summary>What does not go together.</summary>
    protected IEnumerable<ValidationResult> Problems(ValidationContext validationContext)
    {
        foreach (var problem in Remote.Validate(validationContext)) yield return problem;
        if (Remote.BaseUrl is not null && (RewardModelAdapters is not null || RewardModelQuantizationBit is not null)) yield return new ValidationResult("reward_model_adapters, reward_model_quantization_bit: what a judge at base_url computes with is its server's; leave them out");
    }
}

/// <summary>Keys of a judge that a command cannot do without.</summary>
internal sealed record JudgeOptions : JudgeKeys, IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var problem in Problems(validationContext)) yield return problem;
        if (!NamesJudge) yield return new ValidationResult("--reward_model is needed: the judge, a GRAM checkpoint's directory or hub id; or --base_url, where one is served");
    }
}

/// <summary>Keys of a file that is read and one that is written.</summary>
internal sealed record RowFileOptions
{
    [ConfigurationKeyName("input"), Required, Description("file to read: .json or .jsonl, .gz of either; - is standard input")]
    public string Input { get; init; } = "";

    [ConfigurationKeyName("output"), Description("file to write (.json or .jsonl, .gz of either); - is standard output")]
    public string? Output { get; init; }
}

/// <summary>Keys of prompts, from a file or written out, and of what becomes of them.</summary>
internal sealed record PromptOptions : IValidatableObject
{
    [ConfigurationKeyName("prompt"), Description("one prompt, instead of a file")]
    public string? Prompt { get; init; }

    [ConfigurationKeyName("input"), Description("file of prompts: .json or .jsonl, .gz of either; - is standard input")]
    public string? Input { get; init; }

    [ConfigurationKeyName("output"), Description("file to write (.json or .jsonl, .gz of either); - is standard output")]
    public string? Output { get; init; }

    [ConfigurationKeyName("max_samples"), Description("most prompts taken from the file"), Range(1, int.MaxValue)]
    public int? MaxSamples { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Prompt is null == Input is null) yield return new ValidationResult("prompts are needed from one place: --prompt TEXT or --input FILE");
    }
}
