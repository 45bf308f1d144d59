namespace Gram.Training.Optimisation;

/// <summary>AdamW's constants.</summary>
public sealed record AdamWOptions
{
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
}
