using static TorchSharp.torch;

namespace Gram.Training.Parallel;

/// <summary>A run in one process: nobody to share with.</summary>
public sealed class SoleProcess : IProcessGroup
{
    private SoleProcess()
    {
    }

    /// <summary>The group of one.</summary>
    public static SoleProcess Instance { get; } = new();

    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int Size => 1;

    /// <inheritdoc/>
    public void Sum(Tensor tensor)
    {
    }

    /// <inheritdoc/>
    public void Broadcast(Tensor tensor, int from)
    {
    }

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Gather(byte[] own) => [own];
}
