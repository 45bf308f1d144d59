using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Tests.Configuration;

public enum Colour
{
    Red,
    DarkBlue,
}

public sealed record InnerOptions
{
    [ConfigurationKeyName("temperature"), Range(0.0, 2.0, MinimumIsExclusive = true), Description("divides the logits")]
    public double Temperature { get; init; } = 1;
}

/// <summary>One key of each kind.</summary>
public sealed record SampleOptions
{
    [ConfigurationKeyName("model_name_or_path"), Description("the model")]
    public string Model { get; init; } = "";

    [ConfigurationKeyName("learning_rate"), Range(0.0, 1.0), Description("rate of learning")]
    public double LearningRate { get; init; } = 1e-5;

    [ConfigurationKeyName("max_steps"), Range(1, int.MaxValue)]
    public int MaxSteps { get; init; } = 10;

    [ConfigurationKeyName("save_total_limit")]
    public int? SaveTotalLimit { get; init; } = 3;

    [ConfigurationKeyName("do_sample")]
    public bool DoSample { get; init; }

    [ConfigurationKeyName("colour")]
    public Colour Colour { get; init; }

    [ConfigurationKeyName("method"), AllowedValues("linear", "knockout")]
    public string Method { get; init; } = "linear";

    [ConfigurationKeyName("labels")]
    public IReadOnlyList<string> Labels { get; init; } = ["A", "B"];

    [ConfigurationKeyName("n")]
    public IReadOnlyList<int> N { get; init; } = [1];

    [ConfigurationKeyName("seed")]
    public ulong Seed { get; init; } = 42;

    public InnerOptions Sampling { get; init; } = new();
}
