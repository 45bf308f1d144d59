using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Gram.Models.Native;

/// <summary>What was loaded as the tensor engine.</summary>
/// <param name="Directory">Folder of libtorch.</param>
/// <param name="Version">libtorch's version.</param>
/// <param name="CudaAvailable">Whether a CUDA device can be used.</param>
/// <param name="Patched">Whether LibTorchSharp had to be patched for an older libstdc++.</param>
public sealed record LibtorchInfo(string Directory, string Version, bool CudaAvailable, bool Patched)
{
    /// <summary>Threads of one operator.</summary>
    public int Threads { get; init; }
}

/// <summary>Loads libtorch and TorchSharp's native half, once a process.</summary>
public static class Libtorch
{
    /// <summary>The libtorch that TorchSharp is compiled against.</summary>
    public const string RequiredVersion = "2.10";

    private static readonly Lazy<LibtorchInfo> Engine = new(LoadFromEnvironment, LazyThreadSafetyMode.ExecutionAndPublication);
    private static nint torchCpu, torchSharp;

    /// <summary>Loads the engine from GRAM_LIBTORCH or the application's own folders; later calls return the same.</summary>
    /// <exception cref="GramException">It is absent, of another version, or does not load; every later call says the same.</exception>
    public static LibtorchInfo Load() => Engine.Value with { Threads = torch.get_num_threads() };

    /// <summary>Sets how many threads one operator may use.</summary>
    public static void SetThreads(int threads)
    {
        Load();
        torch.set_num_threads(threads);
    }

    /// <summary>Makes torch work before a caller's first tensor. An error waits for <see cref="Load"/>, which says it in one line.</summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "TorchSharp's own search fails on hosts with an older libstdc++, so this must come before its types are touched.")]
    internal static void Initialise()
    {
        try
        {
            _ = Engine.Value;
        }
        catch (GramException)
        {
            // Lazy keeps it and throws it again from Load.
        }
    }

    /// <summary>The address of a function of libtorch or of a library that it needs; 0 where there is none of this name.</summary>
    internal static nint Symbol(string name)
    {
        Load();
        return NativeLibrary.TryGetExport(torchCpu, name, out var address) ? address : 0;
    }

    /// <summary>major.minor.patch of aoti_torch_abi_version: one byte each, from the top.</summary>
    internal static string VersionText(ulong abi) => $"{abi >> 56}.{abi >> 48 & 255}.{abi >> 40 & 255}";

    private static LibtorchInfo LoadFromEnvironment()
    {
        var own = LibtorchFolder.OfApplication();
        var directory = LibtorchFolder.Find(Environment.GetEnvironmentVariable("GRAM_LIBTORCH"), own);
        var bindings = LibtorchFolder.FindTorchSharp(own);
        var cuda = File.Exists(Path.Combine(directory, LibtorchFolder.FileName("torch_cuda")));
        var patched = false;
        SystemLibrary.Tune();
        try
        {
            LoadFrom(directory, "c10");
            if (cuda) LoadFrom(directory, "c10_cuda");
            torchCpu = LoadFrom(directory, "torch_cpu");
            var version = CheckVersion(directory);
            if (cuda) LoadFrom(directory, "torch_cuda");
            LoadFrom(directory, "torch");
            torchSharp = LoadBindings(bindings, out patched);
            ScalarQuarantine.Install(torchSharp);
            NativeLibrary.SetDllImportResolver(typeof(torch).Assembly, (name, _, _) => name == "LibTorchSharp" ? torchSharp : 0);
            NativeLibrary.SetDllImportResolver(typeof(Libtorch).Assembly, (name, _, _) => name switch { "torch_cpu" => torchCpu, "LibTorchSharp" => torchSharp, _ => 0 });
            var cudaAvailable = cuda && torch.TryInitializeDeviceType(DeviceType.CUDA);
            torch.InitializeDeviceType(DeviceType.CPU);
            return new LibtorchInfo(directory, version, cudaAvailable, patched);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException or NotSupportedException or TypeInitializationException)
        {
            throw new GramException($"libtorch in {directory} does not load: {OneLine(error)}; name another libtorch {RequiredVersion} with --libtorch DIR or GRAM_LIBTORCH", error);
        }
    }

    private static nint LoadFrom(string directory, string library) => NativeLibrary.Load(Path.Combine(directory, LibtorchFolder.FileName(library)));

    private static string CheckVersion(string directory)
    {
        var known = NativeLibrary.TryGetExport(torchCpu, "aoti_torch_abi_version", out var abiVersion);
        var version = known ? VersionText(AbiVersion(abiVersion)) : "older than 2.9";
        return version.StartsWith(RequiredVersion + ".", StringComparison.Ordinal) ? version : throw new GramException(
            $"libtorch in {directory} is {version}; this build needs {RequiredVersion}: name one with --libtorch DIR or GRAM_LIBTORCH, or leave both out");
    }

    private static unsafe ulong AbiVersion(nint function) => ((delegate* unmanaged<ulong>)function)();

    private static nint LoadBindings(string path, out bool patched)
    {
        patched = false;
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException error) when (OperatingSystem.IsLinux() && error.Message.Contains("GLIBCXX_", StringComparison.Ordinal))
        {
            patched = true;
            return NativeLibrary.Load(GlibcxxPatch.Copy(path, UserCache.Folders("native")));
        }
    }

    // The runtime's message ends with the system's own reason.
    private static string OneLine(Exception error) => (error.GetBaseException().Message.Split('\n').LastOrDefault(line => line.Trim().Length > 0) ?? "").Trim();
}
