using Gram.Host.Configuration;
using Gram.Models;

namespace Gram.Host.Hosting;

/// <summary>The file that a command writes its rows to.</summary>
internal static class OutputFile
{
    /// <summary>The file named, or one of this name in output_dir, or standard output. A file that cannot be written is found now, not after hours.</summary>
    /// <exception cref="GramException">It cannot be written, or rows and the object of --json would both go to standard output.</exception>
    public static string Choose(string? output, string name, CommonOptions common)
    {
        var path = output ?? (common.OutputDir is { } folder ? Path.Combine(folder, name) : "-");
        if (path != "-") Probe(path);
        else if (common.Json && output is not null) throw new GramException("--output - and --json both want standard output: name a file, or leave --json out");
        return path;
    }

    private static void Probe(string path)
    {
        try
        {
            if (Directory.Exists(path)) throw new IOException("it is a folder");
            var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            Directory.CreateDirectory(folder);
            using var probe = new FileStream(Path.Combine(folder, $".{Environment.ProcessId}.tmp"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be written: {error.Message}", error);
        }
    }
}
