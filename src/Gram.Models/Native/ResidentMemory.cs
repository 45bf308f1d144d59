using System.Globalization;
using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>What the process holds in memory, mapped pages included, where the system tells (Linux).</summary>
public static partial class ResidentMemory
{
    private const string Status = "/proc/self/status", ResetPeak = "/proc/self/clear_refs";

    /// <summary>Whether the system tells.</summary>
    public static bool IsKnown => File.Exists(ResetPeak);

    /// <summary>Bytes by which resident memory rises, at its peak, above what it was before an action.</summary>
    public static double Rise(Action action)
    {
        var before = Now();
        File.WriteAllText(ResetPeak, "5"); // proc(5): makes VmHWM what is resident now
        action();
        return Bytes("VmHWM:") - before;
    }

    /// <summary>Bytes that are resident now. Freed memory that the C library keeps is returned first, so that it counts neither as held nor as room.</summary>
    public static double Now()
    {
        GiveBack();
        return Bytes("VmRSS:");
    }

    /// <summary>Bytes of memory of its own that the process holds now, freed memory that the C library keeps included, pages of files left out.</summary>
    public static double Held() => Bytes("RssAnon:");

    /// <summary>Returns freed memory that the C library keeps to the system; of another C library, nothing.</summary>
    public static void GiveBack()
    {
        if (!IsKnown) return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl keeps little.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);

    private static double Bytes(string field)
    {
        var line = File.ReadLines(Status).First(line => line.StartsWith(field, StringComparison.Ordinal));
        return 1024 * double.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
    }
}
