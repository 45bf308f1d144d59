using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>
/// CPU tensors over memory that is not libtorch's. libtorch gives it back with the last tensor over their storage (a view, a
/// detached one, one that autograd keeps), so nothing else has to know for how long it is needed.
/// </summary>
internal static unsafe partial class ForeignMemory
{
    /// <summary>What to dispose, by the address of the data, which is all that libtorch tells a deleter.</summary>
    private static readonly ConcurrentDictionary<nint, IDisposable> Owners = new();

    /// <summary>A tensor over memory; its owner is disposed when the memory is no longer needed.</summary>
    public static Tensor Tensor(nint data, IDisposable owner, long[] shape, ScalarType dtype)
    {
        Owners[data] = owner;
        nint handle;
        fixed (long* sizes = shape) handle = New(data, &Release, sizes, shape.Length, (sbyte)dtype, (sbyte)dtype, (int)DeviceType.CPU, -1, requiresGrad: 0);
        return handle != 0 ? torch.Tensor.UnsafeCreateTensor(handle) : throw new InvalidOperationException($"libtorch refused a {dtype} tensor [{string.Join(", ", shape)}] over memory of its owner's");
    }

    /// <summary>The owner of a tensor's memory; null where it is libtorch's, or where the tensor does not begin it.</summary>
    public static IDisposable? OwnerOf(Tensor tensor) => Owners.GetValueOrDefault((nint)Shim.Data(tensor));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Release(nint data)
    {
        if (Owners.TryRemove(data, out var owner)) owner.Dispose();
    }

    // at::from_blob with a deleter; libtorch's C ABI has it without.
    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_new")]
    private static partial nint New(nint data, delegate* unmanaged[Cdecl]<nint, void> deleter, long* sizes, int dimensions, sbyte stored, sbyte dtype, int deviceType, int deviceIndex, byte requiresGrad);
}
