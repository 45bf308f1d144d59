using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Native;
using Gram.Models.Speed;
using Gram.Training.Memory;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Hosting;

/// <summary>The tensor engine as this run uses it. Making it loads the engine and sets its threads.</summary>
internal sealed class Engine
{
    private readonly CommonOptions options;
    private readonly Lazy<DTypeChoice> dtypes;

    public Engine(CommonOptions options)
    {
        this.options = options;
        Info = Libtorch.Load();
        if (options.Threads > 0) Libtorch.SetThreads(options.Threads);
        else if (OpenMpi.IsStarted) Libtorch.SetThreads(Math.Max(1, Environment.ProcessorCount / OpenMpi.LocalSize));
        Device = Choose(options.Device);
        FreeBytes = Device.type == DeviceType.CUDA ? null : FreeMemory.Bytes() / OpenMpi.LocalSize;
        dtypes = new(() => DTypeChoice.On(Device));
    }

    /// <summary>What was loaded.</summary>
    public LibtorchInfo Info { get; }

    /// <summary>Memory that was free before anything was loaded, in bytes, this process's part of it where several share the machine; null on a GPU, whose free memory is not known.</summary>
    public long? FreeBytes { get; }

    /// <summary>The device that the run computes on.</summary>
    public Device Device { get; }

    /// <summary>The dtype that training computes in: on a CPU float32 unless told otherwise, so that a seed means the same everywhere.</summary>
    public ScalarType TrainingDType => NamedDType ?? (Device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32);

    /// <summary>The dtypes that pay on the device.</summary>
    public DTypeChoice DTypes => dtypes.Value;

    /// <summary>The dtype that a model computes in where nothing is trained: the faster one for what it does. libtorch multiplies few rows with int8 weights in bfloat16 alone.</summary>
    public ScalarType InferenceDType(Workload workload, bool quantized = false) => NamedDType ?? (quantized && workload == Workload.Decoding ? ScalarType.BFloat16 : DTypes.For(workload));

    /// <summary>The dtype that dtype names; null for auto.</summary>
    public ScalarType? NamedDType => options.DType switch
    {
        "float32" => ScalarType.Float32,
        "bfloat16" => ScalarType.BFloat16,
        _ => null,
    };

    private Device Choose(string name)
    {
        var parts = name.ToUpperInvariant().Split(':');
        var index = 0;
        var known = parts[0] is "AUTO" or "CPU" && parts.Length == 1 || parts[0] == "CUDA" && (parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], out index) && index >= 0));
        if (!known) throw new GramException($"device: '{name}' is not known; accepted: auto, cpu, cuda, cuda:N");
        if (parts[0] == "CPU" || (parts[0] == "AUTO" && !Info.CudaAvailable)) return CPU;
        if (!Info.CudaAvailable) throw new GramException($"device: {name} cannot be used: the libtorch in {Info.Directory} has no CUDA device; name a CUDA libtorch with --libtorch, or use --device cpu (gram doctor says more)");
        var count = cuda.device_count();
        if (index >= count) throw new GramException($"device: {name} does not exist; there {(count == 1 ? "is 1 CUDA device" : $"are {count} CUDA devices")}, counted from 0");
        if (parts.Length == 1) index = OpenMpi.LocalRank % count; // each of a machine's processes has a GPU of its own
        InitializeDeviceType(DeviceType.CUDA);
        return new Device(DeviceType.CUDA, index);
    }
}
