using Gram.Host.Configuration;
using Gram.Models;

namespace Gram.Host.Hosting;

/// <summary>The file that a command writes its rows to.</summary>
internal static class OutputFile
{
    /// <summary>The file named, or one of this name in output_dir, or standard output.</summary>
    /// <exception cref="GramException">Rows and the object of --json would both go to standard output.</exception>
    public static string Choose(string? output, string name, CommonOptions common)
    {
        var path = output ?? (common.OutputDir is { } folder ? Path.Combine(folder, name) : "-");
        if (path == "-" && common.Json && output is not null) throw new GramException("--output - and --json both want standard output: name a file, or leave --json out");
        return path;
    }
}
