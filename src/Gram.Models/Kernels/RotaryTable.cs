using System.Numerics;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;

namespace Gram.Models.Kernels;

/// <summary>Cosines and sines of positions, [positions, headDim / 2] in float32, grown as they are needed.</summary>
internal sealed unsafe class RotaryTable : IDisposable
{
    private readonly float[] frequencies;
    private FloatBuffer? cos, sin;
    private int positions;

    public RotaryTable(ModelConfig config)
    {
        using var tensor = RotaryEmbedding.Frequencies(config);
        frequencies = tensor.data<float>().ToArray();
    }

    /// <summary>[headDim / 2] cosines of a position.</summary>
    public float* Cos(int position) => cos!.Data + ((long)position * frequencies.Length);
    /// <summary>[headDim / 2] sines of a position.</summary>
    public float* Sin(int position) => sin!.Data + ((long)position * frequencies.Length);

    /// <summary>Makes room for the positions 0 … count − 1.</summary>
    public void Reach(int count)
    {
        if (count <= positions) return;
        Dispose();
        positions = Math.Max(256, (int)BitOperations.RoundUpToPowerOf2((uint)count));
        (cos, sin) = (new((long)positions * frequencies.Length), new((long)positions * frequencies.Length));
        for (var position = 0; position < positions; position++)
            for (var i = 0; i < frequencies.Length; i++)
                (Sin(position)[i], Cos(position)[i]) = MathF.SinCos(position * frequencies[i]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cos?.Dispose();
        sin?.Dispose();
    }
}
