using System.Diagnostics;
using Gram.Models;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>What a figure is measured on.</summary>
/// <param name="Model">The model, in the figure's dtype.</param>
/// <param name="Directory">Its Hugging Face directory.</param>
/// <param name="Best">Seconds of the fastest of some runs, after some that warm caches, kernels and the allocator.</param>
internal sealed record BenchSubject(CausalLM Model, string Directory, Func<Func<double>, double> Best)
{
    /// <summary>Seconds of the fastest of some runs of an action.</summary>
    public double BestOf(Action action) => Best(() => Seconds(Model.Device, action));

    /// <summary>Seconds of an action, with the device's queue drained.</summary>
    public static double Seconds(Device device, Action action)
    {
        if (device.type == DeviceType.CUDA) cuda.synchronize(device);
        var start = Stopwatch.GetTimestamp();
        action();
        if (device.type == DeviceType.CUDA) cuda.synchronize(device);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Random token ids.</summary>
    public int[] Tokens(int count, int seed)
    {
        var random = new RandomSource((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Model.Config.VocabSize))];
    }
}
