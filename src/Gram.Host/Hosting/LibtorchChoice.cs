using Microsoft.Extensions.Configuration;

namespace Gram.Host.Hosting;

/// <summary>
/// Tells the engine's loader about <c>--libtorch DIR</c> before anything can load the engine: nothing here may touch
/// Gram.Models, whose first use loads it.
/// </summary>
internal static class LibtorchChoice
{
    private const string Key = "libtorch";

    /// <summary>Sets GRAM_LIBTORCH from the command line or the YAML file. What is wrong with either is said later.</summary>
    public static void Apply(string[] args)
    {
        if ((FromWords(args) ?? FromFile(args)) is { Length: > 0 } directory) Environment.SetEnvironmentVariable("GRAM_LIBTORCH", directory);
    }

    private static string? FromWords(string[] args)
    {
        var at = Array.FindLastIndex(args, word => word == $"--{Key}" || word.StartsWith($"--{Key}=", StringComparison.Ordinal));
        if (at < 0) return null;
        return args[at].Contains('=', StringComparison.Ordinal) ? args[at][(Key.Length + 3)..] : at + 1 < args.Length ? args[at + 1] : null;
    }

    private static string? FromFile(string[] args)
    {
        var file = Array.Find(args, word => word.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || word.EndsWith(".yml", StringComparison.OrdinalIgnoreCase));
        if (file is null || !File.Exists(file)) return null;
        try
        {
            return new ConfigurationBuilder().AddYamlFile(Path.GetFullPath(file)).Build()[Key];
        }
        catch (Exception error) when (error is InvalidDataException or FormatException or IOException or UnauthorizedAccessException or InvalidCastException)
        {
            return null;
        }
    }
}
