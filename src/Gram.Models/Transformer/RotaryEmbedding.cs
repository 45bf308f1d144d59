using Gram.Models.Checkpoints;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>
/// Rotary positions (Su et al. 2021) in Hugging Face's half-split form: x · cos + rotate_half(x) · sin. rotate_half swaps a
/// head's halves and negates the new first one; here the sign lies in the table.
/// </summary>
internal sealed class RotaryEmbedding(ModelConfig config, ScalarType dtype, Device device) : IDisposable
{
    private Tensor? cos, sin; // [positions, headDim]
    private long positions;

    /// <summary>Rotates x [rows, heads, t, headDim] by the angles of its tokens.</summary>
    public static Tensor Rotate(Tensor x, Angles angles, int headDim)
    {
        using var first = x.narrow(-1, 0, headDim / 2);
        using var second = x.narrow(-1, headDim / 2, headDim / 2);
        using var rolled = cat([second, first], -1);
        using var direct = x.mul(angles.Cos);
        return direct.addcmul(rolled, angles.Sin, 1);
    }

    /// <summary>Angles of positions start … start + count − 1, [count, headDim].</summary>
    public Angles At(long start, long count)
    {
        Reach(start + count);
        return new(cos!.narrow(0, start, count), sin!.narrow(0, start, count));
    }

    /// <summary>Angles of positions [rows, t] below the bound, [rows, 1, t, headDim].</summary>
    public Angles At(Tensor at, long rows, long count, long bound)
    {
        Reach(bound);
        using var flat = at.reshape(-1);
        return new(
            Aten.Rows(cos!, flat).view(rows, 1, count, config.HeadDim),
            Aten.Rows(sin!, flat).view(rows, 1, count, config.HeadDim));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cos?.Dispose();
        sin?.Dispose();
    }

    private void Reach(long count)
    {
        if (count <= positions) return;
        Dispose();
        positions = Math.Max(256, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)count));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var at = arange(positions, dtype: ScalarType.Float32, device: device).unsqueeze(1);
        var freqs = at * Frequencies(config).to(device).unsqueeze(0); // [positions, headDim / 2]
        (cos, sin) = (freqs.cos(), freqs.sin());
        cos = cat([cos, cos], 1).to(dtype).DetachFromDisposeScope();
        sin = cat([-sin, sin], 1).to(dtype).DetachFromDisposeScope();
    }

    /// <summary>[headDim / 2] angle of one position, in float32 and on the CPU as Hugging Face computes it (modeling_rope_utils).</summary>
    internal static Tensor Frequencies(ModelConfig config)
    {
        using var scope = NewDisposeScope();
        var exponents = arange(0, config.HeadDim, 2, dtype: ScalarType.Float32, device: CPU) / config.HeadDim;
        var inverse = 1.0 / tensor((float)config.RopeTheta, device: CPU).pow(exponents);
        return (config.RopeScaling is { } scaling ? Llama3(inverse, scaling) : inverse).MoveToOuterDisposeScope();
    }

    // Long wavelengths are stretched by the factor, short ones kept, those between blended.
    private static Tensor Llama3(Tensor inverse, RopeScaling scaling)
    {
        double length = scaling.OriginalMaxPositionEmbeddings, low = scaling.LowFreqFactor, high = scaling.HighFreqFactor;
        var wavelength = 2 * Math.PI / inverse;
        var smooth = (length / wavelength - low) / (high - low);
        var blended = (1 - smooth) * inverse / scaling.Factor + smooth * inverse;
        return where(wavelength > length / low, inverse / scaling.Factor, where(wavelength < length / high, inverse, blended));
    }
}

/// <summary>Cosines and signed sines, broadcast to [rows, heads, t, headDim].</summary>
internal readonly record struct Angles(Tensor Cos, Tensor Sin);
