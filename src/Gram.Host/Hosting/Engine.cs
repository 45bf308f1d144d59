using Gram.Host.Configuration;
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
        Device = options.Choose();
        FreeBytes = FreeMemory.Of(Device) / (Device.type == DeviceType.CUDA ? 1 : OpenMpi.LocalSize);
        dtypes = new(() => DTypeChoice.On(Device));
    }

    /// <summary>What was loaded.</summary>
    public LibtorchInfo Info { get; }

    /// <summary>Memory that was free before anything was loaded, in bytes, this process's part of it where several share the machine; null where the device does not say.</summary>
    public long? FreeBytes { get; }

    /// <summary>The device that the run computes on.</summary>
    public Device Device { get; }

    /// <summary>The dtype that training computes in: on a CPU float32 unless told otherwise, so that a seed means the same everywhere.</summary>
    public ScalarType TrainingDType => options.TrainingDType(Device);

    /// <summary>The dtypes that pay on the device.</summary>
    public DTypeChoice DTypes => dtypes.Value;

    /// <summary>The dtype that a model computes in where nothing is trained: the faster one for what it does. libtorch multiplies few rows with int8 weights in bfloat16 alone.</summary>
    public ScalarType InferenceDType(Workload workload, bool quantized = false) => NamedDType ?? (quantized && workload == Workload.Decoding ? ScalarType.BFloat16 : DTypes.For(workload));

    /// <summary>The dtype that dtype names; null for auto.</summary>
    public ScalarType? NamedDType => options.NamedDType;
}
