using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Reward.Benchmarks;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>eval</c>.</summary>
internal sealed record EvalOptions : IValidatableObject
{
    /// <summary>The key that the command's first word sets.</summary>
    public const string BenchmarkKey = "benchmark";

    [ConfigurationKeyName(BenchmarkKey), Required, Description("the benchmark; the command's first word says it too")]
    [AllowedValues("judgebench", "rm-bench", "reward-bench", "llmbar", "alpaca-eval", "pairs")]
    public string Benchmark { get; init; } = "";

    [ConfigurationKeyName("dataset"), Description("the benchmark's files, or names in dataset_info.json; beside scores, the texts that they are of")]
    public IReadOnlyList<string> Dataset { get; init; } = [];

    [ConfigurationKeyName("dataset_dir"), Description("folder of dataset_info.json")]
    public string DatasetDir { get; init; } = "data";

    [ConfigurationKeyName("scores"), Description("file of scores instead of a judge: scored pairs, the published script's output, or the benchmark's own published results")]
    public string? Scores { get; init; }

    [ConfigurationKeyName("reward_model"), Description("the judge: a GRAM checkpoint's directory or hub id")]
    public string? RewardModel { get; init; }

    [ConfigurationKeyName("reward_model_adapters"), Description("a LoRA adapter that goes over the judge: a PEFT directory or hub id (an adapter that names its base can also be the judge)")]
    public string? RewardModelAdapters { get; init; }

    [ConfigurationKeyName("reward_model_quantization_bit"), Description("8: the blocks' linear layers of the judge become int8 as it is loaded, half of bfloat16's memory")]
    [AllowedValues(null, 8, ErrorMessage = "reward_model_quantization_bit must be 8: int8 is the only quantised form")]
    public int? RewardModelQuantizationBit { get; init; }

    [ConfigurationKeyName("max_samples"), Description("most items taken from each data set"), Range(1, int.MaxValue)]
    public int? MaxSamples { get; init; }

    [ConfigurationKeyName("group_by"), Description("pairs: field by whose values the pairs are grouped")]
    public string? GroupBy { get; init; }

    [ConfigurationKeyName("published"), Description("shows the figures that GRAM publishes for the benchmark beside these")]
    public bool Published { get; init; }

    [ConfigurationKeyName("baselines"), Description("trains a bag of words and a Bradley–Terry reward head as the judge was trained, and shows them beside it")]
    public bool Baselines { get; init; }

    [ConfigurationKeyName("baseline_run"), Description("training run (its folder or YAML) that gives the baselines' checkpoint, data and rates; the judge's own unless set")]
    public string? BaselineRun { get; init; }

    [ConfigurationKeyName("bootstrap_samples"), Description("resamples behind the intervals"), Range(100, 1000000)]
    public int BootstrapSamples { get; init; } = Evaluation.BootstrapSamples;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (RewardModel is null == Scores is null) yield return new ValidationResult("scores are needed from one place: --reward_model JUDGE or --scores FILE");
        if (RewardModel is not null && Dataset.Count == 0) yield return new ValidationResult("--dataset is needed: the benchmark's file, which the judge reads");
        if (BaselineRun is not null && !Baselines) yield return new ValidationResult("baseline_run: says what --baselines are trained on, which is not set");
        if (GroupBy is not null && Benchmark != "pairs") yield return new ValidationResult($"group_by: {Benchmark} has groups of its own; pairs can be grouped");
        if (Scores is not null && MaxSamples is not null) yield return new ValidationResult("max_samples: a file of scores is evaluated whole");
    }
}
