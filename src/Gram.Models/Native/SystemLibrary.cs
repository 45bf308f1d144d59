using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>Settings of the C library and of OpenMP that libtorch's speed depends on, made before it is loaded. What the environment says wins.</summary>
internal static partial class SystemLibrary
{
    // malloc.h
    private const int TrimThreshold = -1, TopPad = -2, MapMax = -4, ArenaMax = -8;
    private const int Disabled = -1, GrowBy = 64 << 20;

    /// <summary>
    /// Freed memory stays in the process: an operator's result is as large as the last one's, and taking its pages from the system
    /// again, each to be cleared and faulted in, costs more than most operators (a float32 log-softmax of [1020, 49152]: 336 to 16 ms).
    /// OpenMP's threads wait for each other a little, not for milliseconds: where other programs keep the cores busy, the one that is
    /// waited for is not running.
    /// </summary>
    public static void Tune()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = SetEnvironment("GOMP_SPINCOUNT", "20000", overwrite: 0);
            if (Environment.GetEnvironmentVariables().Keys.Cast<string>().Any(name => name is "GLIBC_TUNABLES" || name.StartsWith("MALLOC_", StringComparison.Ordinal))) return;
            _ = Option(ArenaMax, 1);
            _ = Option(MapMax, 0);
            _ = Option(TrimThreshold, Disabled);
            _ = Option(TopPad, GrowBy);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library (musl), with an allocator of its own.
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Option(int name, int value);
}
