using static TorchSharp.torch;

namespace Gram.Training.Parallel;

/// <summary>
/// Processes that do one run together, each with the same state, each computing its share. All call the same methods in the same
/// order, from one thread. Open MPI is one implementation; NCCL can be another.
/// </summary>
public interface IProcessGroup
{
    /// <summary>This process's number, 0 … Size − 1. The first one leads: it writes files and talks to people.</summary>
    int Rank { get; }

    /// <summary>Processes.</summary>
    int Size { get; }

    /// <summary>Sums a contiguous float32 or float64 tensor over all processes, in place, to the same bits in each.</summary>
    void Sum(Tensor tensor);

    /// <summary>Copies one process's contiguous tensor into those of the others, which have its shape and dtype.</summary>
    /// <param name="tensor">Read where this process is the source, overwritten elsewhere.</param>
    /// <param name="from">The source's rank.</param>
    void Broadcast(Tensor tensor, int from);

    /// <summary>Each process's bytes, by rank; they may differ in length.</summary>
    IReadOnlyList<byte[]> Gather(byte[] own);
}
