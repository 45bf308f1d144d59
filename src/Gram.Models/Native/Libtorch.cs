namespace Gram.Models.Native;

/// <summary>What was loaded as the tensor engine.</summary>
/// <param name="Directory">Folder of libtorch.</param>
/// <param name="Version">libtorch's version.</param>
/// <param name="CudaAvailable">Whether a CUDA device can be used.</param>
/// <param name="Patched">Whether LibTorchSharp had to be patched for an older libstdc++.</param>
public sealed record LibtorchInfo(string Directory, string Version, bool CudaAvailable, bool Patched);

/// <summary>Loads libtorch and TorchSharp's native half, once a process.</summary>
public static class Libtorch
{
    /// <summary>Loads the engine from GRAM_LIBTORCH or the application's own folders; later calls return the same.</summary>
    public static LibtorchInfo Load() => throw new NotImplementedException();
}
