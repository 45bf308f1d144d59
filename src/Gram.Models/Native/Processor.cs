using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>The processor that this process runs on.</summary>
public static class Processor
{
    private const string CpuInfo = "/proc/cpuinfo";

    /// <summary>Its name, as far as the system says it.</summary>
    public static string Name { get; } = Field("model name") ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>Its instructions, as far as the system says them: virtual machines give processors of several generations one name.</summary>
    internal static string Instructions { get; } = Field("flags") ?? Field("Features") ?? "";

    private static string? Field(string name) => File.Exists(CpuInfo)
        ? File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
        : null;
}
