using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Host.Configuration;
using Gram.Reward.Benchmarks;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>eval</c>, which scores a judge or a file.</summary>
internal sealed record EvalOptions : JudgeKeys, IValidatableObject
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
        foreach (var problem in Problems(validationContext)) yield return problem;
        if (NamesJudge == Scores is not null) yield return new ValidationResult("scores are needed from one place: --reward_model JUDGE (or --base_url, where one is served) or --scores FILE");
        if (NamesJudge && Dataset.Count == 0) yield return new ValidationResult("--dataset is needed: the benchmark's file, which the judge reads");
        if (BaselineRun is not null && !Baselines) yield return new ValidationResult("baseline_run: says what --baselines are trained on, which is not set");
        if (GroupBy is not null && Benchmark != "pairs") yield return new ValidationResult($"group_by: {Benchmark} has groups of its own; pairs can be grouped");
        if (Scores is not null && MaxSamples is not null) yield return new ValidationResult("max_samples: a file of scores is evaluated whole");
    }
}
