using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>Where libtorch and TorchSharp's native half lie.</summary>
internal static class LibtorchFolder
{
    /// <summary>File name of a native library on this system: libtorch_cpu.so, torch_cpu.dll, libtorch_cpu.dylib.</summary>
    public static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>Folders that may hold the application's own native libraries: its libtorch folder, beside it, its runtimes folder, where the runtime looks.</summary>
    public static IReadOnlyList<string> OfApplication()
    {
        var home = AppContext.BaseDirectory;
        var searched = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return [Path.Combine(home, "libtorch"), home, Path.Combine(home, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"), .. searched];
    }

    /// <summary>The folder that holds libtorch: the requested one (or its lib folder), else the first of the application's own that has it.</summary>
    /// <exception cref="GramException">It is in none of them.</exception>
    public static string Find(string? requested, IReadOnlyList<string> own)
    {
        var file = FileName("torch_cpu");
        if (requested is not { Length: > 0 })
        {
            return own.FirstOrDefault(folder => File.Exists(Path.Combine(folder, file))) ?? throw new GramException(
                $"libtorch is not here: {file} is in none of {string.Join(", ", own)}; reinstall, or name an installed libtorch 2.10 with --libtorch DIR or GRAM_LIBTORCH");
        }
        if (!Directory.Exists(requested))
        {
            throw new GramException($"libtorch folder {requested} (--libtorch or GRAM_LIBTORCH) does not exist; name the folder that holds {file}, such as site-packages/torch/lib");
        }
        string[] folders = [requested, Path.Combine(requested, "lib")];
        var found = folders.FirstOrDefault(folder => File.Exists(Path.Combine(folder, file))) ?? throw new GramException(
            $"libtorch folder {requested} (--libtorch or GRAM_LIBTORCH) does not hold {file}; name the folder that does, such as site-packages/torch/lib");
        return Path.GetFullPath(found);
    }

    /// <summary>TorchSharp's native half, among the application's own folders.</summary>
    /// <exception cref="GramException">It is in none of them.</exception>
    public static string FindTorchSharp(IReadOnlyList<string> own)
    {
        var file = FileName("LibTorchSharp");
        return own.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists) ?? throw new GramException(
            $"{file} is in none of {string.Join(", ", own)}; reinstall the application whole");
    }
}
