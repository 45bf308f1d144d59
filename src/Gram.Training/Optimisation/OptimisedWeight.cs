using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Optimisation;

/// <summary>One parameter with its master, moments and gradient sum.</summary>
internal sealed class OptimisedWeight : IDisposable
{
    private readonly Tensor parameter;
    private readonly bool ownsMaster, eightBit;
    private Tensor? sum;

    /// <summary>Moments of 0.</summary>
    /// <param name="name">Its Hugging Face name.</param>
    /// <param name="parameter">The leaf that requires gradients.</param>
    /// <param name="master">Its float32 weight where it is a rounded copy of one; null: its own values.</param>
    /// <param name="eightBit">Whether its moments are 8 bits a number.</param>
    /// <param name="owner">The process that holds its moments and steps it.</param>
    /// <param name="isMine">Whether that is this one.</param>
    public OptimisedWeight(string name, Tensor parameter, Tensor? master, bool eightBit, int owner, bool isMine)
    {
        (Name, Owner) = (name, owner);
        (this.parameter, this.eightBit) = (parameter, eightBit);
        ownsMaster = !IsMaster && master is null;
        Master = IsMaster ? parameter : master ?? parameter.detach().to(ScalarType.Float32).DetachFromDisposeScope();
        Moments = isMine ? NewMoments() : null;
        StepCount = zeros([], dtype: ScalarType.Float32, device: parameter.device).DetachFromDisposeScope();
        // transformers' Trainer.get_decay_parameter_names
        Decays = !name.Contains("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.Ordinal);
    }

    public string Name { get; }

    public Tensor Master { get; }

    /// <summary>The rank of the process that holds its moments and steps it.</summary>
    public int Owner { get; }

    /// <summary>Its moments; null where another process holds them.</summary>
    public WeightMoments? Moments { get; }

    public Tensor StepCount { get; }

    /// <summary>Steps so far.</summary>
    public long Steps => (long)StepCount.ToSingle();

    public bool Decays { get; }

    /// <summary>The float32 gradient sum, or null where no gradient came.</summary>
    public Tensor? Sum => IsMaster ? parameter.grad : sum;

    /// <summary>What checkpoints store, moments apart.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State => [new($"master.{Name}", Master), new($"step.{Name}", StepCount)];

    private bool IsMaster => parameter.dtype == ScalarType.Float32;

    /// <summary>Autograd itself sums float32 gradients; others would be summed in their own dtype.</summary>
    public void Accumulate()
    {
        if (IsMaster || parameter.grad is not { } grad) return;
        if (sum is null) sum = grad.to(ScalarType.Float32).DetachFromDisposeScope();
        else sum.add_(grad);
        parameter.grad = null;
    }

    /// <summary>Zeros, of the shape of its moments.</summary>
    public WeightMoments NewMoments() => WeightMoments.Zeros(Master, eightBit);

    /// <summary>The gradient sum, zeros where no gradient came.</summary>
    public Tensor SumOrZeros()
    {
        if (Sum is { } there) return there;
        var none = zeros_like(Master, requires_grad: false);
        if (IsMaster) parameter.grad = none;
        else sum = none.DetachFromDisposeScope();
        return none;
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
        Moments?.Dispose();
        StepCount.Dispose();
    }
}
