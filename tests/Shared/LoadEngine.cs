using System.Runtime.CompilerServices;
using Gram.Models.Native;

namespace Gram.Tests;

/// <summary>
/// Loads libtorch before a test touches a tensor, with one thread: test classes run side by side, and OpenMP teams that wait
/// for one another's cores make small models many times slower.
/// </summary>
internal static class LoadEngine
{
    [ModuleInitializer]
    internal static void Load()
    {
        Libtorch.Load();
        Libtorch.SetThreads(1);
    }
}
