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

    /// <summary>Memory for what recent questions and answers were to the model, so that later pairs about them cost less.</summary>
    public long PrefixCacheBytes { get; set; }

    /// <summary>Pairs from which a batch of waiting requests takes no further one.</summary>
    public int MaxPairs { get; set; } = 256;

    /// <summary>Tokens beyond which a batch of waiting requests takes no further one.</summary>
    public long MaxBatchTokens { get; set; } = long.MaxValue;

    /// <summary>How long the first request after a pause waits for company.</summary>
    public TimeSpan Gather { get; set; }

    /// <summary>Pairs that may wait; requests above that get an <see cref="Pipes.OverloadedException"/>.</summary>
    public int MaxWaitingPairs { get; set; } = int.MaxValue;
}
