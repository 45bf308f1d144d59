using System.Globalization;
using Gram.Models;
using Gram.Models.Transformer;
using TorchSharp;

namespace Gram.Host.Bench;

/// <summary>Loading a checkpoint that the system has in its cache, in a dtype, until every weight has been read once.</summary>
internal static class LoadSpeed
{
    /// <summary>Below this, what else the process does would be measured.</summary>
    private const double SmallestBytes = 32e6;

    private const string Status = "/proc/self/status", ResetPeak = "/proc/self/clear_refs";

    /// <summary>Loads a second; the floor is reading the loaded weights.</summary>
    public static Measurement Time(BenchSubject subject)
    {
        var (seconds, bytes) = (subject.BestOf(3, () => Load(subject)), Bytes(subject.Model));
        return new Measurement(1, "loads/s", seconds, floors => bytes / (1e9 * floors.ReadGbps));
    }

    /// <summary>Peak of resident memory above what the process had before, mapped pages included; the floor is the weights themselves.</summary>
    /// <exception cref="GramException">This system does not tell, or the model is too small.</exception>
    public static Measurement Peak(BenchSubject subject)
    {
        var bytes = Bytes(subject.Model);
        if (subject.Model.Device.type != DeviceType.CPU || !File.Exists(ResetPeak)) throw new GramException("a process's peak is known on Linux, for models on the CPU");
        if (bytes < SmallestBytes) throw new GramException($"the model has less than {SmallestBytes / 1e6:0} MB of weights");
        File.WriteAllText(ResetPeak, "5"); // proc(5): makes VmHWM what is resident now
        var before = Resident("VmRSS:");
        Load(subject);
        var peak = Resident("VmHWM:") - before;
        return new Measurement(peak / 1e6, "MB", Seconds: 1, _ => bytes / peak);
    }

    private static void Load(BenchSubject subject)
    {
        using var model = CausalLM.Load(subject.Directory, subject.Model.DType, subject.Model.Device);
        foreach (var weight in model.Weights.Values) weight.sum().Dispose();
    }

    private static double Bytes(CausalLM model) => model.Weights.Values.Sum(weight => (double)weight.numel() * weight.element_size());

    private static double Resident(string field)
    {
        var line = File.ReadLines(Status).First(line => line.StartsWith(field, StringComparison.Ordinal));
        return 1024 * double.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
    }
}
