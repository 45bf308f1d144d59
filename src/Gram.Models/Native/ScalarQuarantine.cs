using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>
/// Keeps TorchSharp's scalars alive while native code reads them. TorchSharp passes a Scalar's native pointer to an
/// operator without keeping the Scalar itself alive (x + 1e-6, and x + y too, whose alpha is a hidden Scalar): a garbage
/// collection that another thread starts in the middle of the call lets the finalizer free it under the operator's hands
/// ("Expected false to be true", "Unknown scalar type"). So freed scalars wait here, for longer than an operator runs.
/// </summary>
/// <remarks>The library's own function is redirected in memory, for Linux on x64; elsewhere TorchSharp's behaviour stays.</remarks>
internal static unsafe partial class ScalarQuarantine
{
    private const string Function = "THSTorch_dispose_scalar";
    private const long Milliseconds = 10_000;
    private const int Read = 1, Write = 2, Execute = 4;

    private static readonly Queue<(nint Scalar, long Since)> Waiting = new();

    /// <summary>Redirects the function that frees scalars, once, right after its library is loaded.</summary>
    public static bool Install(nint library)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) return false;
        if (!NativeLibrary.TryGetExport(library, Function, out var function)) return false;
        var target = (nint)(delegate* unmanaged<nint, void>)&Dispose;
        byte[] jump = [0x48, 0xB8, .. BitConverter.GetBytes(target), 0xFF, 0xE0]; // mov rax, target; jmp rax
        var page = function & -Environment.SystemPageSize;
        var length = (nuint)(function + jump.Length - page);
        if (Protect(page, length, Read | Write | Execute) != 0) return false;
        jump.CopyTo(new Span<byte>((void*)function, jump.Length));
        return Protect(page, length, Read | Execute) == 0;
    }

    /// <summary>Takes a scalar that is to be freed, and frees those that have waited long enough. A c10::Scalar of a number is plain memory.</summary>
    [UnmanagedCallersOnly]
    private static void Dispose(nint scalar)
    {
        lock (Waiting)
        {
            var now = Environment.TickCount64;
            Waiting.Enqueue((scalar, now));
            while (now - Waiting.Peek().Since > Milliseconds) NativeMemory.Free((void*)Waiting.Dequeue().Scalar);
        }
    }

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);
}
