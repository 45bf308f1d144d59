using System.ComponentModel;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>train</c> alone.</summary>
internal sealed record TrainOptions
{
    [ConfigurationKeyName("dry_run"), Description("trains and writes nothing: shows the first examples with what is masked, lengths, steps and memory")]
    public bool DryRun { get; init; }
}
