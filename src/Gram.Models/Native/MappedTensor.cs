using System.Collections.Concurrent;
using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>
/// Tensors over the pages of a file, without a copy. libtorch unmaps them: with the last tensor over their storage (a view, a
/// detached one, one that autograd keeps), so nothing else has to know for how long they are needed.
/// </summary>
internal static unsafe partial class MappedTensor
{
    /// <summary>Mapped views by the address of their data, which is all that libtorch tells a deleter.</summary>
    private static readonly ConcurrentDictionary<nint, MemoryMappedViewAccessor> Views = new();

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
        var data = (nint)page + (nint)view.PointerOffset;
        Views[data] = view;
        nint handle;
        fixed (long* sizes = shape) handle = New(data, &Unmap, sizes, shape.Length, (sbyte)dtype, (sbyte)dtype, (int)DeviceType.CPU, -1, requiresGrad: 0);
        return handle != 0 ? Tensor.UnsafeCreateTensor(handle) : throw new InvalidOperationException($"libtorch refused a {dtype} tensor [{string.Join(", ", shape)}] over mapped memory");
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Unmap(nint data)
    {
        if (!Views.TryRemove(data, out var view)) return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
    }

    // at::from_blob with a deleter; libtorch's C ABI has it without.
    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_new")]
    private static partial nint New(nint data, delegate* unmanaged[Cdecl]<nint, void> deleter, long* sizes, int dimensions, sbyte stored, sbyte dtype, int deviceType, int deviceIndex, byte requiresGrad);
}
