using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>Keys of every command.</summary>
internal sealed record CommonOptions
{
    [ConfigurationKeyName("seed"), Description("seed of every random draw: the same seed gives the same numbers")]
    public ulong Seed { get; init; } = 42;

    [ConfigurationKeyName("device"), Description("auto (CUDA where there is one), cpu, cuda or cuda:N")]
    public string Device { get; init; } = "auto";

    [ConfigurationKeyName("dtype"), Description("dtype that is computed in; auto is the faster one here, and float32 when training on a CPU"), AllowedValues("auto", "float32", "bfloat16")]
    public string DType { get; init; } = "auto";

    [ConfigurationKeyName("threads"), Description("CPU threads; 0 = as many as there are cores"), Range(0, 1024)]
    public int Threads { get; init; }

    [ConfigurationKeyName("output_dir"), Description("folder that the command writes to")]
    public string? OutputDir { get; init; }

    [ConfigurationKeyName("json"), Description("prints one JSON object on standard output, everything else on standard error")]
    public bool Json { get; init; }

    [ConfigurationKeyName("libtorch"), Description("folder of another libtorch, for instance an installed PyTorch's torch/lib")]
    public string? Libtorch { get; init; }
}
