using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gram.Models.Checkpoints;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Speed;

/// <summary>
/// The faster dtype of a device, for models that are only run: bfloat16 halves what is read, but its arithmetic is up to a hundred
/// times slower on processors without instructions for it, and several times faster on others. Processors are measured once, and the
/// rates kept in the user's cache.
/// </summary>
public sealed class DTypeChoice
{
    private static readonly (string Name, ScalarType DType)[] Known = [("float32", ScalarType.Float32), ("bfloat16", ScalarType.BFloat16)];

    private readonly Func<ScalarType, DTypeRates> measure;
    private readonly string[] files;
    private IReadOnlyDictionary<ScalarType, DTypeRates>? rates;

    /// <summary>A choice by these rates, kept in the first folder that can be written under what they depend on.</summary>
    internal DTypeChoice(Func<ScalarType, DTypeRates> measure, IEnumerable<string> folders, string machine)
    {
        this.measure = measure;
        var name = $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(machine)))[..16]}.json";
        files = [.. folders.Select(folder => Path.Combine(folder, name))];
    }

    /// <summary>The choice for a device, with the engine and the threads that it has now.</summary>
    public static DTypeChoice On(Device device)
    {
        DTypeRates Measure(ScalarType dtype) => DTypeTrial.Measure(device, dtype);
        if (device.type == DeviceType.CUDA) return new(Measure, [], "") { Settled = CudaDevice.HasBFloat16(device.index) ? ScalarType.BFloat16 : ScalarType.Float32 };
        var engine = Libtorch.Load();
        return new(
            Measure, UserCache.Folders("dtype"),
            $"{Processor.Name}; {Processor.Instructions}; {engine.Threads} threads; libtorch {engine.Version}; gram {typeof(DTypeChoice).Assembly.GetName().Version}");
    }

    /// <summary>Rates of each dtype, measured where they were not kept.</summary>
    public IReadOnlyDictionary<ScalarType, DTypeRates> Rates => rates ??= Read() ?? Measure();

    /// <summary>The choice for every workload, where it needs no measuring.</summary>
    private ScalarType? Settled { get; init; }

    /// <summary>The dtype that a workload is fastest in.</summary>
    public ScalarType For(Workload workload) => Settled ?? Rates.MaxBy(rate => rate.Value.Of(workload)).Key;

    private Dictionary<ScalarType, DTypeRates>? Read()
    {
        foreach (var file in files.Where(File.Exists))
        {
            try
            {
                var kept = JsonSerializer.Deserialize<Dictionary<string, DTypeRates>>(File.ReadAllBytes(file));
                if (Array.TrueForAll(Known, known => kept?.GetValueOrDefault(known.Name) is { IsMeasured: true })) return Known.ToDictionary(known => known.DType, known => kept![known.Name]);
            }
            catch (Exception error) when (error is JsonException or NotSupportedException or IOException or UnauthorizedAccessException)
            {
                // As good as none: it is measured again.
            }
        }
        return null;
    }

    private Dictionary<ScalarType, DTypeRates> Measure()
    {
        // In turns, and the better of two: other work that comes or goes meanwhile hits both dtypes.
        var first = Known.Select(known => measure(known.DType)).ToList();
        var measured = Known.Zip(first).ToDictionary(pair => pair.First.Name, pair => pair.Second.Max(measure(pair.First.DType)));
        foreach (var file in files)
        {
            try
            {
                AtomicFile.WriteText(file, JsonSerializer.Serialize(measured));
                break;
            }
            catch (Exception error) when (error is GramException or IOException)
            {
                // The next folder may be writable; with none, every run measures.
            }
        }
        return Known.ToDictionary(known => known.DType, known => measured[known.Name]);
    }
}
