namespace Gram.EndToEnd.Tests;

/// <summary>Programs of this machine.</summary>
internal static class InstalledProgram
{
    /// <summary>Where PATH finds a program; null where it does not.</summary>
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
