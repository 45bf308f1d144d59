using Gram.Reward.Judging;
using static TorchSharp.torch;

namespace Gram.Reward.Serving;

/// <summary>The judge of an application.</summary>
public sealed record GramJudgeOptions
{
    /// <summary>The GRAM checkpoint: a Hugging Face directory, or a hub id, which is downloaded where the cache lacks it.</summary>
    public string Model { get; set; } = "";

    /// <summary>A LoRA adapter that goes over the checkpoint; null = none, or the one that <see cref="Model"/> is.</summary>
    public string? Adapter { get; set; }

    /// <summary>Dtype that it computes in; null = the faster one on the device.</summary>
    public ScalarType? DType { get; set; }

    /// <summary>Where it runs; null = the CPU.</summary>
    public Device? Device { get; set; }

    /// <summary>Whether its blocks' linears become int8.</summary>
    public bool Quantize { get; set; }

    /// <summary>Most tokens of a forward.</summary>
    public int BatchTokens { get; set; } = 8192;

    /// <summary>Pairs of waiting requests that are judged together, as <see cref="BatchingJudge"/> takes it.</summary>
    public int MaxPairs { get; set; } = 256;
}
