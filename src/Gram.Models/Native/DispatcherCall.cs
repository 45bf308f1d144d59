using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>
/// Arguments of one ATen operator on the stack of aoti_torch_call_dispatcher (torch/csrc/inductor/aoti_torch/c/shim.h).
/// The operator takes ownership of what was pushed and leaves its results in the first slots.
/// </summary>
internal unsafe ref struct DispatcherCall(Span<ulong> stack)
{
    private readonly Span<ulong> stack = stack;
    private int count;

    public DispatcherCall Add(Tensor tensor) => Push(TensorSlot(tensor));
    public DispatcherCall Add(long value) => Push((ulong)value);
    public DispatcherCall Add(bool value) => Push(value ? 1UL : 0UL);
    public DispatcherCall Add(double value) => Push(BitConverter.DoubleToUInt64Bits(value));
    public DispatcherCall AddNull() => Push(0);
    public DispatcherCall AddOptional(Tensor? tensor) => Push(tensor is null ? 0 : Boxed(TensorSlot(tensor)));
    public DispatcherCall AddOptional(double? value) => Push(value is { } known ? Boxed(BitConverter.DoubleToUInt64Bits(known)) : 0);

    public DispatcherCall Add(IReadOnlyList<Tensor> tensors)
    {
        Shim.Check(Shim.NewList((nuint)tensors.Count, out var list), "torch_new_list");
        for (var i = 0; i < tensors.Count; i++) Shim.Check(Shim.ListPushBack(list, TensorSlot(tensors[i])), "torch_list_push_back");
        return Push((ulong)list);
    }

    /// <summary>Calls the operator; for operators without a result.</summary>
    public readonly void Run(string name, string overload = "")
    {
        fixed (ulong* slots = stack) Shim.Check(Shim.CallDispatcher(name, overload, slots), name);
    }

    /// <summary>Calls the operator and takes its one result.</summary>
    public readonly Tensor Tensor(string name, string overload = "")
    {
        Run(name, overload);
        return TorchSharp.torch.Tensor.UnsafeCreateTensor((nint)stack[0]);
    }

    private DispatcherCall Push(ulong slot)
    {
        stack[count++] = slot;
        return this;
    }

    private static ulong TensorSlot(Tensor tensor)
    {
        Shim.Check(Shim.NewTensorHandle(tensor.Handle, out var handle), "aoti_torch_new_tensor_handle");
        GC.KeepAlive(tensor);
        return (ulong)handle;
    }

    // An optional's value lies in a cell of its own, which the callee deletes (operator delete is free).
    private static ulong Boxed(ulong value)
    {
        var cell = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        *cell = value;
        return (ulong)cell;
    }
}
