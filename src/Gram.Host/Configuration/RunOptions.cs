using System.ComponentModel;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of every training run's folder.</summary>
internal sealed record RunOptions
{
    [ConfigurationKeyName("overwrite_output_dir"), Description("replaces an earlier run in output_dir")]
    public bool OverwriteOutputDir { get; init; }

    [ConfigurationKeyName("resume_from_checkpoint"), Description("true (the newest checkpoint in output_dir; the beginning where there is none) or a checkpoint directory")]
    public string? ResumeFromCheckpoint { get; init; }

    /// <summary>Whether the run goes on where an earlier one stopped.</summary>
    public bool Resumes => RunDirectory.Resumes(ResumeFromCheckpoint);

    [ConfigurationKeyName(Ppo.Events.EventPlugins.Key), Description("assemblies (.dll) whose public classes that implement IMessageHandler of the run's events are told of them, and may stop the run: docs/extending.md")]
    public IReadOnlyList<string> EventPlugins { get; init; } = [];

    [ConfigurationKeyName("bf16"), Description("computes in bfloat16 (weights and moments stay float32) where dtype is auto")]
    public bool Bf16 { get; init; }
}
