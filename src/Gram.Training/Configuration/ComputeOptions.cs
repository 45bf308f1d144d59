using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Models;
using Gram.Models.Native;
using Gram.Training.Parallel;
using Microsoft.Extensions.Configuration;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Configuration;

/// <summary>Where is computed, and in what.</summary>
public record ComputeOptions
{
    /// <summary>auto (CUDA where there is one), cpu, cuda or cuda:N.</summary>
    [ConfigurationKeyName("device"), Description("auto (CUDA where there is one), cpu, cuda or cuda:N")]
    public string Device { get; init; } = "auto";

    /// <summary>auto, float32 or bfloat16.</summary>
    [ConfigurationKeyName("dtype"), Description("dtype that is computed in; auto is the faster one here, and float32 when training on a CPU"), AllowedValues("auto", "float32", "bfloat16")]
    public string DType { get; init; } = "auto";

    /// <summary>The dtype that is named; null for auto.</summary>
    public ScalarType? NamedDType => DType switch
    {
        "float32" => ScalarType.Float32,
        "bfloat16" => ScalarType.BFloat16,
        _ => null,
    };

    /// <summary>The device that is named; loads the engine.</summary>
    /// <exception cref="GramException">There is no such device, or its name is none.</exception>
    public Device Choose()
    {
        var (info, parts, index) = (Libtorch.Load(), Device.ToUpperInvariant().Split(':'), 0);
        var known = parts[0] is "AUTO" or "CPU" && parts.Length == 1 || parts[0] == "CUDA" && (parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], out index) && index >= 0));
        if (!known) throw new GramException($"device: '{Device}' is not known; accepted: auto, cpu, cuda, cuda:N");
        if (parts[0] == "CPU" || (parts[0] == "AUTO" && !info.CudaAvailable)) return CPU;
        if (!info.CudaAvailable) throw new GramException($"device: {Device} cannot be used: the libtorch in {info.Directory} has no CUDA device; name a CUDA libtorch with --libtorch, or use --device cpu (gram doctor says more)");
        var count = cuda.device_count();
        if (index >= count) throw new GramException($"device: {Device} does not exist; there {(count == 1 ? "is 1 CUDA device" : $"are {count} CUDA devices")}, counted from 0");
        if (parts.Length == 1) index = OpenMpi.LocalRank % count; // each of a machine's processes has a GPU of its own
        InitializeDeviceType(DeviceType.CUDA);
        return new Device(DeviceType.CUDA, index);
    }

    /// <summary>The dtype that training on a device computes in: on a CPU float32 unless told otherwise, so that a seed means the same everywhere.</summary>
    public ScalarType TrainingDType(Device device) => NamedDType ?? (device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32);
}
