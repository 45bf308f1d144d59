using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>
/// Memory of a model's weights in pages of 2 MiB, where the system has them: whoever reads all weights for every token misses the
/// processor's table of 4 KiB pages all the time, and is up to one and a half times as fast on large ones. Freed with the last tensor in it.
/// </summary>
internal sealed unsafe partial class HugePages : IDisposable
{
    private const long PageSize = 2 << 20, CacheLine = 64;
    private const int AdviseHugePages = 14; // madvise(2): MADV_HUGEPAGE

    private readonly byte* memory;
    private readonly long length;
    private long used;
    private int references = 1;

    /// <summary>Room for tensors of so many bytes together, each rounded up to a cache line.</summary>
    private HugePages(long bytes)
    {
        length = (bytes + PageSize - 1) / PageSize * PageSize;
        memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, (nuint)PageSize);
        if (OperatingSystem.IsLinux()) _ = Advise(memory, (nuint)length, AdviseHugePages); // a kernel without them says no, and gives small ones
    }

    /// <summary>Room for tensors of these sizes. To be disposed by who fills it; the tensors keep it.</summary>
    public static HugePages For(IEnumerable<(long Elements, ScalarType DType)> tensors) => new(tensors.Sum(tensor => Rounded(tensor.Elements * tensor.DType.ElementSize())));

    /// <summary>
    /// Moves weights on the CPU into such memory, in place: the tensors stay the same, with their gradients; other tensors over the
    /// memory that they leave keep that. Those moved before, and few small ones, stay where they are. Not between a forward and its backward.
    /// </summary>
    public static void Take(IEnumerable<Tensor> weights)
    {
        using var noGrad = no_grad();
        List<Tensor> moved = [.. weights.Where(weight => weight.numel() > 0 && ForeignMemory.OwnerOf(weight) is not Share)];
        if (moved.Sum(weight => weight.numel() * weight.element_size()) < 8 * PageSize) return;
        using var pages = For(moved.Select(weight => (weight.numel(), weight.dtype)));
        foreach (var weight in moved)
        {
            using var here = pages.Empty(weight.shape, weight.dtype);
            here.copy_(weight);
            Point(weight, here);
        }
    }

    /// <summary>A tensor in this memory, of whatever was there.</summary>
    public Tensor Empty(long[] shape, ScalarType dtype)
    {
        var (start, bytes) = (used, Rounded(shape.Aggregate(1L, (product, size) => product * size) * dtype.ElementSize()));
        if (start + bytes > length) throw new InvalidOperationException("more tensors than there is room for");
        used += bytes;
        Interlocked.Increment(ref references);
        return ForeignMemory.Tensor((nint)(memory + start), new Share(this), shape, dtype);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref references) == 0) NativeMemory.AlignedFree(memory);
    }

    // Makes a tensor one over another's memory.
    private static void Point(Tensor tensor, Tensor at) => new DispatcherCall(stackalloc ulong[2]).Add(tensor).Add(at).Tensor("aten::set_", "source_Tensor").Dispose();

    private static long Rounded(long bytes) => Math.Max(1, (bytes + CacheLine - 1) / CacheLine) * CacheLine;

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);

    private sealed class Share(HugePages pages) : IDisposable
    {
        public void Dispose() => pages.Dispose();
    }
}
