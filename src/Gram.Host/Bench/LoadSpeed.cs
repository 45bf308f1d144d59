using Gram.Models;
using Gram.Models.Native;
using Gram.Models.Transformer;
using TorchSharp;

namespace Gram.Host.Bench;

/// <summary>Loading a checkpoint that the system has in its cache, in a dtype, until every weight has been read once.</summary>
internal static class LoadSpeed
{
    /// <summary>Below this, what else the process does would be measured.</summary>
    private const double SmallestBytes = 32e6;

    /// <summary>Loads a second; the floor is reading the loaded weights.</summary>
    public static Measurement Time(BenchSubject subject)
    {
        var (seconds, bytes) = (subject.BestOf(() => Load(subject)), Bytes(subject.Model));
        return new Measurement(1, "loads/s", seconds, floors => bytes / (1e9 * floors.ReadGbps));
    }

    /// <summary>Peak of resident memory above what the process had before, mapped pages included; the floor is the weights themselves.</summary>
    /// <exception cref="GramException">This system does not tell, or the model is too small.</exception>
    public static Measurement Peak(BenchSubject subject)
    {
        var bytes = Bytes(subject.Model);
        if (subject.Model.Device.type != DeviceType.CPU || !ResidentMemory.IsKnown) throw new GramException("a process's peak is known on Linux, for models on the CPU");
        if (bytes < SmallestBytes) throw new GramException($"the model has less than {SmallestBytes / 1e6:0} MB of weights");
        var peak = ResidentMemory.Rise(() => Load(subject));
        return new Measurement(peak / 1e6, "MB", Seconds: 1, _ => bytes / peak);
    }

    private static void Load(BenchSubject subject)
    {
        using var model = CausalLM.Load(subject.Directory, subject.Model.DType, subject.Model.Device);
        foreach (var weight in model.Weights.Values) weight.sum().Dispose();
    }

    private static double Bytes(CausalLM model) => model.Weights.Values.Sum(weight => (double)weight.numel() * weight.element_size());
}
