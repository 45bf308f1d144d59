using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace Gram.Models.Native;

/// <summary>libtorch's stable C ABI (torch/csrc/inductor/aoti_torch/c/shim.h and shim_cpu.h). Tensor handles are at::Tensor*.</summary>
internal static unsafe partial class Shim
{
    private const string Library = "torch_cpu";

    [LibraryImport(Library, EntryPoint = "aoti_torch_call_dispatcher", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int CallDispatcher(string name, string overload, ulong* stack);

    [LibraryImport(Library, EntryPoint = "aoti_torch_new_tensor_handle")]
    public static partial int NewTensorHandle(nint tensor, out nint copy);

    [LibraryImport(Library, EntryPoint = "torch_new_list_reserve_size")]
    public static partial int NewList(nuint size, out nint list);

    [LibraryImport(Library, EntryPoint = "torch_list_push_back")]
    public static partial int ListPushBack(nint list, ulong element);

    /// <summary>Where a tensor's first element lies.</summary>
    public static void* Data(TorchSharp.torch.Tensor tensor)
    {
        Check(DataPointer(tensor.Handle, out var data), "aoti_torch_get_data_ptr");
        GC.KeepAlive(tensor);
        return data;
    }

    [LibraryImport(Library, EntryPoint = "aoti_torch_get_data_ptr")]
    private static partial int DataPointer(nint tensor, out void* data);

    /// <summary>Turns a failed call into an exception; libtorch has already written its text to stderr.</summary>
    public static void Check(int code, string what)
    {
        if (code != 0) throw new InvalidOperationException($"libtorch refused {what} (code {code}); its own message is on stderr");
    }
}
