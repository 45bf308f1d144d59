using System.Runtime.CompilerServices;

namespace Gram.Tests;

/// <summary>Loads libtorch before a test touches a tensor.</summary>
internal static class LoadEngine
{
    [ModuleInitializer]
    internal static void Load() => Gram.Models.Native.Libtorch.Load();
}
