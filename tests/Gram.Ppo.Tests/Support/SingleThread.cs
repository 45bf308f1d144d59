using System.Runtime.CompilerServices;

namespace Gram.Ppo.Tests.Support;

/// <summary>Tensors here are tiny: threads would only wait for one another.</summary>
internal static class SingleThread
{
    [ModuleInitializer]
    internal static void Set()
    {
        LoadEngine.Load();
        TorchSharp.torch.set_num_threads(1);
    }
}
