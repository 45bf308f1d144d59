using System.Globalization;

namespace Gram.Training.Memory;

/// <summary>Sizes as people read them.</summary>
public static class MemorySize
{
    /// <summary>Megabytes, or gigabytes from one on (powers of ten).</summary>
    public static string Text(long bytes) => bytes < 1_000_000_000
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0} MB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB");
}
