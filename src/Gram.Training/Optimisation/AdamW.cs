using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Optimisation;

/// <summary>
/// Fused AdamW over float32 master weights. Where the parameters themselves are float32 they are the masters, and their
/// gradients the sums; bf16 parameters are a compute copy, refreshed from the masters after each step. Moments are float32, or
/// 8 bits a number.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly AdamWOptions options;
    private readonly OptimisedWeight[] weights;

    /// <summary>Owns moments (and masters where needed) for these parameters by name.</summary>
    /// <param name="parameters">Leaves that require gradients, by Hugging Face name.</param>
    /// <param name="options">The constants.</param>
    /// <param name="masters">Float32 weights that parameters of another dtype are a rounded copy of; stepped in place, not owned. Without them masters start from the rounded values.</param>
    public AdamW(IReadOnlyDictionary<string, Tensor> parameters, AdamWOptions options, IReadOnlyDictionary<string, Tensor>? masters = null)
    {
        this.options = options;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        weights = [.. parameters.Select(parameter => new OptimisedWeight(parameter.Key, parameter.Value, masters?[parameter.Key], options.HasEightBitMoments && EightBitRule.Takes(parameter.Key, parameter.Value.numel())))];
        Masters = weights.ToDictionary(weight => weight.Name, weight => weight.Master);
    }

    /// <summary>Float32 weights by name: what checkpoints store.</summary>
    public IReadOnlyDictionary<string, Tensor> Masters { get; }

    /// <summary>Adds the parameters' gradients to the float32 sums and clears them; call after each backward.</summary>
    public void Accumulate()
    {
        using var scope = NewDisposeScope();
        foreach (var weight in weights) weight.Accumulate();
    }

    /// <summary>Global norm of the gradient sums.</summary>
    public double GradNorm()
    {
        using var scope = NewDisposeScope();
        return GlobalNorm.Of([.. weights.Select(weight => weight.Sum).OfType<Tensor>()]);
    }

    /// <summary>
    /// Clips, steps at this rate and clears the sums. Returns the norm before clipping; a norm that is not finite changes
    /// nothing but clears the sums. Parameters without a gradient are left as they are.
    /// </summary>
    /// <param name="learningRate">The rate.</param>
    /// <param name="gradNorm">What <see cref="GradNorm"/> returned for these sums, where the caller has asked.</param>
    public double Step(double learningRate, double? gradNorm = null)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var stepped = weights.Select(weight => (Weight: weight, Sum: weight.Sum)).Where(item => item.Sum is not null).Select(item => (item.Weight, Sum: item.Sum!)).ToArray();
        var norm = gradNorm ?? GlobalNorm.Of([.. stepped.Select(item => item.Sum)]);
        if (double.IsFinite(norm))
        {
            // torch.nn.utils.clip_grad_norm_: g ← g · min(1, max_norm / (norm + 1e-6))
            var coefficient = options.MaxGradNorm > 0 ? options.MaxGradNorm / (norm + 1e-6) : 1;
            if (coefficient < 1)
            {
                foreach (var (_, sum) in stepped) sum.mul_(coefficient);
            }
            Step(learningRate, options.WeightDecay, [.. stepped.Where(item => item.Weight.Decays)]);
            Step(learningRate, 0, [.. stepped.Where(item => !item.Weight.Decays)]);
            foreach (var (weight, _) in stepped) weight.Refresh();
        }
        ZeroGrad();
        return norm;
    }

    /// <summary>Drops the gradient sums.</summary>
    public void ZeroGrad()
    {
        foreach (var weight in weights) weight.Clear();
    }

    /// <summary>Writes moments, step counts and masters to optimizer.safetensors (or another name), in an existing directory.</summary>
    public void Save(string directory, string name = "optimizer") =>
        SafetensorsWriter.Write(PathOf(directory, name), weights.SelectMany(weight => weight.State));

    /// <summary>Copies all that <see cref="Save"/> writes, so that it can be written while the optimiser goes on.</summary>
    public OptimizerSnapshot Snapshot() => new(weights.SelectMany(weight => weight.State));

    /// <summary>Checks that a file holds all that <see cref="Load"/> needs, in this model's shapes.</summary>
    /// <exception cref="GramException">The file is missing or of another model.</exception>
    public void Check(string directory, string name = "optimizer") => Open(directory, name).Dispose();

    /// <summary>Restores what Save wrote, weights included.</summary>
    /// <exception cref="GramException">The file is missing or of another model; nothing was restored.</exception>
    public void Load(string directory, string name = "optimizer")
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var store = Open(directory, name);
        foreach (var (key, tensor) in weights.SelectMany(weight => weight.State))
        {
            using var stored = store.Load(key);
            tensor.copy_(stored);
        }
        foreach (var weight in weights) weight.Refresh();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weight in weights) weight.Dispose();
    }

    private TensorStore Open(string directory, string name)
    {
        var path = PathOf(directory, name);
        var store = TensorStore.OpenFile(path);
        try
        {
            foreach (var (key, tensor) in weights.SelectMany(weight => weight.State))
            {
                if (!store.Names.Contains(key)) throw new GramException($"{path}: '{key}' is missing; the checkpoint is of another model, another optim or another kind of run");
                if (!store.Shape(key).SequenceEqual(tensor.shape)) throw new GramException($"{path}: '{key}' has shape [{string.Join(", ", store.Shape(key))}], the model's is [{string.Join(", ", tensor.shape)}]; the checkpoint is of another model");
            }
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    internal static string PathOf(string directory, string name) => Path.Combine(directory, $"{name}.safetensors");

    private void Step(double learningRate, double weightDecay, (OptimisedWeight Weight, Tensor Sum)[] items)
    {
        foreach (var (weight, _) in items) weight.StepCount.add_(1);
        var float32 = items.Where(item => item.Weight.Float32 is not null).ToArray();
        Aten.FusedAdamW(
            [.. float32.Select(item => item.Weight.Master)], [.. float32.Select(item => item.Sum)],
            [.. float32.Select(item => item.Weight.Float32!.Value.Mean)], [.. float32.Select(item => item.Weight.Float32!.Value.Square)], [.. float32.Select(item => item.Weight.StepCount)],
            learningRate, options.Beta1, options.Beta2, weightDecay, options.Epsilon);
        foreach (var (weight, sum) in items)
        {
            if (weight.EightBit is not { } moments) continue;
            EightBitAdamW.Step(weight.Master, sum, moments.Mean, moments.Square, new AdamWStep(learningRate, options.Beta1, options.Beta2, weightDecay, options.Epsilon, weight.Steps));
        }
    }
}
