using System.Numerics;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;

namespace Gram.Models.Kernels;

/// <summary>Cosines and sines of positions, [positions, headDim / 2] in float32, grown as they are needed.</summary>
internal sealed unsafe class RotaryTable : IDisposable
{
    private readonly float[] frequencies;
    private readonly Lock gate = new();
    private readonly List<FloatBuffer> made = []; // kernels on other threads may still read the shorter ones
    private FloatBuffer? cos, sin;
    private volatile int positions;

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
        lock (gate)
        {
            if (count <= positions) return;
            var longer = Math.Max(256, (int)BitOperations.RoundUpToPowerOf2((uint)count));
            var (cosines, sines) = (Made(), Made());
            for (long at = 0; at < cosines.Length; at++)
                (sines.Data[at], cosines.Data[at]) = MathF.SinCos(at / frequencies.Length * frequencies[at % frequencies.Length]);
            (cos, sin) = (cosines, sines);
            positions = longer;

            FloatBuffer Made()
            {
                made.Add(new FloatBuffer((long)longer * frequencies.Length));
                return made[^1];
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in made) buffer.Dispose();
    }
}
