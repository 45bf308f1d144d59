using Gram.Models.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Optimisation;

/// <summary>AdamW's first and second moment of a weight: float32, or 8 bits a number.</summary>
internal sealed class WeightMoments : IDisposable
{
    private WeightMoments()
    {
    }

    /// <summary>In float32; null where they are in 8 bits.</summary>
    public (Tensor Mean, Tensor Square)? Float32 { get; private init; }

    /// <summary>In 8 bits; null where they are float32.</summary>
    public (EightBitMoment Mean, EightBitMoment Square)? EightBit { get; private init; }

    /// <summary>Moments of 0.</summary>
    /// <param name="master">The float32 weight.</param>
    /// <param name="eightBit">Whether they are 8 bits a number.</param>
    public static WeightMoments Zeros(Tensor master, bool eightBit) => eightBit
        ? new() { EightBit = (EightBitMoment.Zeros(master.numel(), DynamicMap.WithSign, master.device), EightBitMoment.Zeros(master.numel(), DynamicMap.Positive, master.device)) }
        : new() { Float32 = (zeros_like(master, requires_grad: false).DetachFromDisposeScope(), zeros_like(master, requires_grad: false).DetachFromDisposeScope()) };

    /// <summary>What checkpoints store of them.</summary>
    /// <param name="name">The weight's.</param>
    public IEnumerable<KeyValuePair<string, Tensor>> State(string name)
    {
        if (Float32 is { } float32)
        {
            yield return new($"exp_avg.{name}", float32.Mean);
            yield return new($"exp_avg_sq.{name}", float32.Square);
        }
        if (EightBit is { } eightBit)
        {
            yield return new($"exp_avg_codes.{name}", eightBit.Mean.Codes);
            yield return new($"exp_avg_scales.{name}", eightBit.Mean.Scales);
            yield return new($"exp_avg_sq_codes.{name}", eightBit.Square.Codes);
            yield return new($"exp_avg_sq_scales.{name}", eightBit.Square.Scales);
        }
    }

    public void Dispose()
    {
        Float32?.Mean.Dispose();
        Float32?.Square.Dispose();
        EightBit?.Mean.Dispose();
        EightBit?.Square.Dispose();
    }
}
