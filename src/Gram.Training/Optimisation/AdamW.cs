using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Optimisation;

/// <summary>
/// Fused AdamW over float32 master weights. Where the parameters themselves are float32 they are the masters, and their
/// gradients the sums; bf16 parameters are a compute copy, refreshed from the masters after each step. Moments are float32, or
/// 8 bits a number. Processes that do a run together share the moments out: each steps the weights whose moments it holds, and hands
/// them to the others (ZeRO, stage 1: Rajbhandari et al., arXiv 1910.02054).
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly AdamWOptions options;
    private readonly IProcessGroup group;
    private readonly OptimisedWeight[] weights;

    /// <summary>Owns moments (and masters where needed) for these parameters by name.</summary>
    /// <param name="parameters">Leaves that require gradients, by Hugging Face name.</param>
    /// <param name="options">The constants.</param>
    /// <param name="masters">Float32 weights that parameters of another dtype are a rounded copy of; stepped in place, not owned. Without them masters start from the rounded values.</param>
    /// <param name="group">The processes that train these parameters together; this one alone unless given.</param>
    public AdamW(IReadOnlyDictionary<string, Tensor> parameters, AdamWOptions options, IReadOnlyDictionary<string, Tensor>? masters = null, IProcessGroup? group = null)
    {
        this.options = options;
        this.group = group ?? SoleProcess.Instance;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var owners = Owners(parameters, this.group.Size);
        weights =
        [
            .. parameters.Select(parameter => new OptimisedWeight(
                parameter.Key, parameter.Value, masters?[parameter.Key], options.HasEightBitMoments && EightBitRule.Takes(parameter.Key, parameter.Value.numel()),
                owners[parameter.Key], owners[parameter.Key] == this.group.Rank))
        ];
        Masters = weights.ToDictionary(weight => weight.Name, weight => weight.Master);
    }

    /// <summary>Float32 weights by name: what checkpoints store.</summary>
    public IReadOnlyDictionary<string, Tensor> Masters { get; }

    /// <summary>Names of the weights whose moments this process holds.</summary>
    internal IReadOnlyList<string> Held => [.. weights.Where(weight => weight.Moments is not null).Select(weight => weight.Name)];

    /// <summary>Adds the parameters' gradients to the float32 sums and clears them; call after each backward.</summary>
    public void Accumulate()
    {
        using var scope = NewDisposeScope();
        foreach (var weight in weights) weight.Accumulate();
    }

    /// <summary>Sums the gradients over the processes: after the last <see cref="Accumulate"/> before a step, in all of them.</summary>
    public void SumOverProcesses()
    {
        if (group.Size == 1) return;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var present = group.Total([.. weights.Select(weight => weight.Sum is null ? 0.0 : 1)]);
        foreach (var (weight, count) in weights.Zip(present))
        {
            if (count > 0) group.Sum(weight.SumOrZeros());
        }
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
            foreach (var (weight, _) in stepped) weight.StepCount.add_(1);
            Step(learningRate, options.WeightDecay, [.. stepped.Where(item => item.Weight.Decays)]);
            Step(learningRate, 0, [.. stepped.Where(item => !item.Weight.Decays)]);
            foreach (var (weight, _) in stepped)
            {
                group.Broadcast(weight.Master, weight.Owner);
                weight.Refresh();
            }
        }
        ZeroGrad();
        return norm;
    }

    /// <summary>Drops the gradient sums.</summary>
    public void ZeroGrad()
    {
        foreach (var weight in weights) weight.Clear();
    }

    /// <summary>Writes moments, step counts and masters to optimizer.safetensors (or another name), in an existing directory. Of a group's processes the first one writes, and all take part.</summary>
    public void Save(string directory, string name = "optimizer")
    {
        using var snapshot = group.Size == 1 ? null : Snapshot();
        if (snapshot is null) SafetensorsWriter.Write(PathOf(directory, name), State);
        else if (group.Leads()) snapshot.Save(directory, name);
    }

    /// <summary>Copies all that <see cref="Save"/> writes, so that it can be written while the optimiser goes on. Of a group's processes the first one has the copy, and all take part.</summary>
    public OptimizerSnapshot Snapshot()
    {
        using var noGrad = no_grad();
        if (group.Leads()) return new(Gathered());
        foreach (var _ in Gathered())
        {
        }
        return new([]);
    }

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
        foreach (var (key, tensor) in State)
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

    /// <summary>What this process holds of what checkpoints store.</summary>
    private IEnumerable<KeyValuePair<string, Tensor>> State => weights.SelectMany(weight => weight.State.Concat(weight.Moments?.State(weight.Name) ?? []));

    /// <summary>The same with all moments, each as it comes from its owner: what is borrowed goes as the next one is asked for.</summary>
    private IEnumerable<KeyValuePair<string, Tensor>> Gathered()
    {
        foreach (var weight in weights)
        {
            foreach (var entry in weight.State) yield return entry;
            using var borrowed = weight.Moments is null ? weight.NewMoments() : null;
            foreach (var moment in (weight.Moments ?? borrowed!).State(weight.Name))
            {
                group.Broadcast(moment.Value, weight.Owner);
                yield return moment;
            }
        }
    }

    /// <summary>The process of each weight: the largest first, each to the one with the least so far.</summary>
    private static Dictionary<string, int> Owners(IReadOnlyDictionary<string, Tensor> parameters, int processes)
    {
        var held = new long[processes];
        return parameters.OrderByDescending(parameter => parameter.Value.numel()).ThenBy(parameter => parameter.Key, StringComparer.Ordinal).ToDictionary(parameter => parameter.Key, parameter =>
        {
            var least = Array.IndexOf(held, held.Min());
            held[least] += parameter.Value.numel();
            return least;
        });
    }

    private TensorStore Open(string directory, string name)
    {
        var path = PathOf(directory, name);
        var store = TensorStore.OpenFile(path);
        try
        {
            foreach (var (key, tensor) in State)
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

    /// <summary>Steps those of the weights whose moments are here.</summary>
    private void Step(double learningRate, double weightDecay, (OptimisedWeight Weight, Tensor Sum)[] items)
    {
        var float32 = items.Where(item => item.Weight.Moments?.Float32 is not null).ToArray();
        if (float32.Length > 0) Aten.FusedAdamW(
            [.. float32.Select(item => item.Weight.Master)], [.. float32.Select(item => item.Sum)],
            [.. float32.Select(item => item.Weight.Moments!.Float32!.Value.Mean)], [.. float32.Select(item => item.Weight.Moments!.Float32!.Value.Square)], [.. float32.Select(item => item.Weight.StepCount)],
            learningRate, options.Beta1, options.Beta2, weightDecay, options.Epsilon);
        foreach (var (weight, sum) in items)
        {
            if (weight.Moments?.EightBit is not { } moments) continue;
            EightBitAdamW.Step(weight.Master, sum, moments.Mean, moments.Square, new AdamWStep(learningRate, options.Beta1, options.Beta2, weightDecay, options.Epsilon, weight.Steps));
        }
    }
}
