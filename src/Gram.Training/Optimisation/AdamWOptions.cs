namespace Gram.Training.Optimisation;

/// <summary>AdamW's constants.</summary>
public sealed record AdamWOptions
{
    /// <summary>optim: moments in float32, by libtorch's fused kernel.</summary>
    public const string Torch = "adamw_torch";
    /// <summary>optim: the same.</summary>
    public const string Fused = "adamw_torch_fused";
    /// <summary>optim: moments of large weights in 8 bits.</summary>
    public const string EightBit = "adamw_8bit";
    /// <summary>optim: transformers' other name of it.</summary>
    public const string EightBitToo = "adamw_bnb_8bit";
    /// <summary>What the key says of itself.</summary>
    public const string OptimDescription = "optimiser: adamw_torch, or adamw_8bit, whose moments take a quarter of the memory";

    /// <summary>Whether a value of optim names moments in 8 bits.</summary>
    public static bool IsEightBit(string optim) => optim is EightBit or EightBitToo;

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;
    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;
    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;
    /// <summary>Decoupled weight decay; biases and norm weights are excluded, as in transformers.</summary>
    public double WeightDecay { get; init; }
    /// <summary>Gradients are scaled down to this global norm; 0 = not clipped.</summary>
    public double MaxGradNorm { get; init; } = 1.0;
    /// <summary>Whether moments are 8 bits a number, where <see cref="EightBitRule"/> lets them.</summary>
    public bool HasEightBitMoments { get; init; }
}
