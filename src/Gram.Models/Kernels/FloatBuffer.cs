using System.Runtime.InteropServices;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Kernels;

/// <summary>Float32 memory of a kernel, aligned to cache lines, outside the garbage collector's reach.</summary>
internal sealed unsafe class FloatBuffer : IDisposable
{
    private const int CacheLine = 64;

    /// <summary>Room for this many numbers.</summary>
    public FloatBuffer(long length)
    {
        Length = length;
        Data = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(CacheLine, length * sizeof(float)), CacheLine);
    }

    /// <summary>A copy of a tensor's numbers.</summary>
    public static FloatBuffer Of(Tensor tensor)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var values = tensor.detach().to(ScalarType.Float32, CPU).contiguous();
        var buffer = new FloatBuffer(values.numel());
        new ReadOnlySpan<float>(Shim.Data(values), (int)buffer.Length).CopyTo(new Span<float>(buffer.Data, (int)buffer.Length));
        return buffer;
    }

    /// <summary>Numbers.</summary>
    public long Length { get; }
    /// <summary>The first.</summary>
    public float* Data { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(Data);
        Data = null;
    }
}
