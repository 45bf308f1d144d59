using Gram.Models.Transformer;
using static TorchSharp.torch;

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

/// <summary>
/// Fused AdamW over float32 master weights. Where the parameters themselves are float32 they are the masters; bf16
/// parameters are a compute copy, refreshed from the masters after each step.
/// </summary>
public sealed class AdamW : IDisposable
{
    /// <summary>Owns moments (and masters where needed) for these parameters by name.</summary>
    public AdamW(IReadOnlyDictionary<string, Tensor> parameters, AdamWOptions options) => throw new NotImplementedException();
    /// <summary>Float32 weights by name: what checkpoints store.</summary>
    public IReadOnlyDictionary<string, Tensor> Masters => throw new NotImplementedException();
    /// <summary>Adds the parameters' gradients to the float32 sums and clears them; call after each backward.</summary>
    public void Accumulate() => throw new NotImplementedException();
    /// <summary>Global norm of the gradient sums.</summary>
    public double GradNorm() => throw new NotImplementedException();
    /// <summary>Clips, steps at this rate and clears the sums. Returns the norm before clipping; a norm that is not finite changes nothing but clears the sums.</summary>
    public double Step(double learningRate) => throw new NotImplementedException();
    /// <summary>Drops the gradient sums.</summary>
    public void ZeroGrad() => throw new NotImplementedException();
    /// <summary>Writes moments, step counts and masters to optimizer.safetensors under a prefix, in an existing directory.</summary>
    public void Save(string directory, string name = "optimizer") => throw new NotImplementedException();
    /// <summary>Restores what Save wrote, weights included.</summary>
    public void Load(string directory, string name = "optimizer") => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}
