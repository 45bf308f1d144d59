using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Training.Configuration;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of every command.</summary>
internal sealed record CommonOptions : ComputeOptions
{
    [ConfigurationKeyName("seed"), Description("seed of every random draw: the same seed gives the same numbers")]
    public ulong Seed { get; init; } = 42;

    [ConfigurationKeyName("threads"), Description("CPU threads; 0 = as many as there are cores"), Range(0, 1024)]
    public int Threads { get; init; }

    [ConfigurationKeyName("output_dir"), Description("folder that the command writes to")]
    public string? OutputDir { get; init; }

    [ConfigurationKeyName("json"), Description("prints one JSON object on standard output, everything else on standard error")]
    public bool Json { get; init; }

    [ConfigurationKeyName("libtorch"), Description("folder of another libtorch, for instance an installed PyTorch's torch/lib")]
    public string? Libtorch { get; init; }
}
