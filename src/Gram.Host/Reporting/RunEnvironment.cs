using System.Globalization;
using System.Runtime.InteropServices;
using Gram.Host.Hosting;
using Gram.Models.Native;
using Gram.Training.Memory;
using TorchSharp;

namespace Gram.Host.Reporting;

/// <summary>What a run ran on, for its report.</summary>
internal static class RunEnvironment
{
    /// <summary>Name by name.</summary>
    public static IEnumerable<(string Name, string Value)> Of(Engine engine)
    {
        yield return ("gram", typeof(RunEnvironment).Assembly.GetName().Version!.ToString(3));
        yield return ("processor", Processor.Name);
        yield return ("threads", torch.get_num_threads().ToString(CultureInfo.InvariantCulture));
        yield return ("memory", MemorySize.Text(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        yield return ("device", engine.Device.ToString());
        yield return ("system", RuntimeInformation.OSDescription);
        yield return (".NET", RuntimeInformation.FrameworkDescription);
        yield return ("libtorch", engine.Info.Version);
        yield return ("ended", DateTimeOffset.Now.ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture));
    }
}
