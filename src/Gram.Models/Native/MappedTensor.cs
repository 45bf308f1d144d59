using System.IO.MemoryMappedFiles;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>Tensors over the pages of a file, without a copy.</summary>
internal static unsafe class MappedTensor
{
    /// <summary>A CPU tensor over part of a file that is mapped copy on write: what is written to it never reaches the file.</summary>
    /// <param name="file">The file; it may be closed before the tensor.</param>
    /// <param name="start">First byte, a multiple of the element's size.</param>
    /// <param name="length">Length in bytes, above 0.</param>
    /// <param name="shape">Shape of these bytes.</param>
    /// <param name="dtype">Their dtype.</param>
    /// <exception cref="IOException">The system cannot map it.</exception>
    public static Tensor Open(MemoryMappedFile file, long start, long length, long[] shape, ScalarType dtype)
    {
        var view = file.CreateViewAccessor(start, length, MemoryMappedFileAccess.CopyOnWrite);
        byte* page = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref page);
        return ForeignMemory.Tensor((nint)page + (nint)view.PointerOffset, new Mapping(view), shape, dtype);
    }

    private sealed class Mapping(MemoryMappedViewAccessor view) : IDisposable
    {
        public void Dispose()
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
        }
    }
}
