using System.Globalization;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Memory;

/// <summary>The memory that a process may still take.</summary>
public static class FreeMemory
{
    private const string Information = "/proc/meminfo", Field = "MemAvailable:";

    /// <summary>Bytes of a device's own memory; null where nobody says.</summary>
    public static long? Of(Device device) => device.type == DeviceType.CUDA ? CudaDevice.FreeBytes(Math.Max(0, device.index)) : Bytes();

    /// <summary>Bytes of the machine: what the system can hand out without swapping, within the container's limit.</summary>
    public static long Bytes()
    {
        var limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes; // of the container or the machine
        if (!File.Exists(Information)) return limit;
        var line = File.ReadLines(Information).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? limit : Math.Min(limit, 1024 * long.Parse(line[Field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
    }
}
