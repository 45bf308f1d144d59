using Gram.Models.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Optimisation;

/// <summary>One parameter with its master, moments and gradient sum.</summary>
internal sealed class OptimisedWeight : IDisposable
{
    private readonly Tensor parameter;
    private readonly bool ownsMaster;
    private Tensor? sum;

    /// <summary>Moments of 0.</summary>
    /// <param name="name">Its Hugging Face name.</param>
    /// <param name="parameter">The leaf that requires gradients.</param>
    /// <param name="master">Its float32 weight where it is a rounded copy of one; null: its own values.</param>
    /// <param name="eightBit">Whether its moments are 8 bits a number.</param>
    public OptimisedWeight(string name, Tensor parameter, Tensor? master, bool eightBit)
    {
        Name = name;
        this.parameter = parameter;
        ownsMaster = !IsMaster && master is null;
        Master = IsMaster ? parameter : master ?? parameter.detach().to(ScalarType.Float32).DetachFromDisposeScope();
        if (eightBit)
        {
            EightBit = (EightBitMoment.Zeros(Master.numel(), DynamicMap.WithSign, parameter.device), EightBitMoment.Zeros(Master.numel(), DynamicMap.Positive, parameter.device));
        }
        else
        {
            Float32 = (zeros_like(Master, requires_grad: false).DetachFromDisposeScope(), zeros_like(Master, requires_grad: false).DetachFromDisposeScope());
        }
        StepCount = zeros([], dtype: ScalarType.Float32, device: parameter.device).DetachFromDisposeScope();
        // transformers' Trainer.get_decay_parameter_names
        Decays = !name.Contains("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.Ordinal);
    }

    public string Name { get; }

    public Tensor Master { get; }

    /// <summary>First and second moment in float32; null where they are in 8 bits.</summary>
    public (Tensor Mean, Tensor Square)? Float32 { get; }

    /// <summary>First and second moment in 8 bits; null where they are float32.</summary>
    public (EightBitMoment Mean, EightBitMoment Square)? EightBit { get; }

    public Tensor StepCount { get; }

    /// <summary>Steps so far.</summary>
    public long Steps => (long)StepCount.ToSingle();

    public bool Decays { get; }

    /// <summary>The float32 gradient sum, or null where no gradient came.</summary>
    public Tensor? Sum => IsMaster ? parameter.grad : sum;

    /// <summary>What checkpoints store.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State
    {
        get
        {
            yield return new($"master.{Name}", Master);
            if (Float32 is { } float32)
            {
                yield return new($"exp_avg.{Name}", float32.Mean);
                yield return new($"exp_avg_sq.{Name}", float32.Square);
            }
            if (EightBit is { } eightBit)
            {
                yield return new($"exp_avg_codes.{Name}", eightBit.Mean.Codes);
                yield return new($"exp_avg_scales.{Name}", eightBit.Mean.Scales);
                yield return new($"exp_avg_sq_codes.{Name}", eightBit.Square.Codes);
                yield return new($"exp_avg_sq_scales.{Name}", eightBit.Square.Scales);
            }
            yield return new($"step.{Name}", StepCount);
        }
    }

    private bool IsMaster => parameter.dtype == ScalarType.Float32;

    /// <summary>Autograd itself sums float32 gradients; others would be summed in their own dtype.</summary>
    public void Accumulate()
    {
        if (IsMaster || parameter.grad is not { } grad) return;
        if (sum is null) sum = grad.to(ScalarType.Float32).DetachFromDisposeScope();
        else sum.add_(grad);
        parameter.grad = null;
    }

    public void Clear()
    {
        sum?.Dispose();
        sum = null;
        parameter.grad = null;
    }

    public void Refresh()
    {
        if (!IsMaster) parameter.copy_(Master);
    }

    public void Dispose()
    {
        sum?.Dispose();
        if (ownsMaster) Master.Dispose();
        Float32?.Mean.Dispose();
        Float32?.Square.Dispose();
        EightBit?.Mean.Dispose();
        EightBit?.Square.Dispose();
        StepCount.Dispose();
    }
}
