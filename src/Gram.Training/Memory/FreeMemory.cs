using System.Globalization;

namespace Gram.Training.Memory;

/// <summary>The machine's memory that a process may still take.</summary>
public static class FreeMemory
{
    private const string Information = "/proc/meminfo", Field = "MemAvailable:";

    /// <summary>Bytes: what the system can hand out without swapping, within the container's limit.</summary>
    public static long Bytes()
    {
        var limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes; // of the container or the machine
        if (!File.Exists(Information)) return limit;
        var line = File.ReadLines(Information).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? limit : Math.Min(limit, 1024 * long.Parse(line[Field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
    }
}
