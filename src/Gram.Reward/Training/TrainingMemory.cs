using Gram.Models;
using Gram.Training.Adapters;
using Gram.Training.Memory;
using Gram.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>Whether a run fits into memory, asked before anything is loaded.</summary>
internal static class TrainingMemory
{
    /// <summary>What the run takes where its longest example fills a micro-batch.</summary>
    public static MemoryEstimate Of(GramTrainingOptions options, int longest, ScalarType dtype, Device? device) => MemoryEstimate.Of(
        options.ModelNameOrPath, dtype, options.PerDeviceTrainBatchSize, longest, options.GradientCheckpointing, fused: device?.type is not DeviceType.CUDA, AdamWOptions.IsEightBit(options.Optim), options.Adapter);

    /// <summary>The estimate in one line.</summary>
    public static string Text(MemoryEstimate memory) =>
        $"about {MemorySize.Text(memory.Total)} (weights {MemorySize.Text(memory.Weights)}, moments {MemorySize.Text(memory.Moments)}, gradients {MemorySize.Text(memory.Gradients)}, activations {MemorySize.Text(memory.Activations)})";

    /// <summary>What to change where the run does not fit, in one line; null where it fits.</summary>
    public static string? Problem(GramTrainingOptions options, int longest, ScalarType dtype, Device? device, long free)
    {
        var memory = Of(options, longest, dtype, device);
        if (memory.Total <= free) return null;
        // Those that do not change the result come first.
        var (tried, total, changes) = MemoryAdvice.Of(options, next => Of(next, longest, dtype, device).Total, free,
            next => (next with { GradientCheckpointing = true }, "gradient_checkpointing: true"),
            next => (next with { PerDeviceTrainBatchSize = 1, GradientAccumulationSteps = Rows(next) }, $"per_device_train_batch_size: 1 with gradient_accumulation_steps: {Rows(next)}"),
            next => (next with { Optim = AdamWOptions.EightBit }, $"optim: {AdamWOptions.EightBit}"),
            next => (next with { FinetuningType = FinetuningType.Lora }, "finetuning_type: lora"));
        var half = Of(tried, Math.Max(1, longest / 2), dtype, device).Total;
        return $"the run needs {Text(memory)}, and {MemorySize.Text(free)} are free: " + (
            total <= free ? $"set {string.Join(", ", changes)}"
            : half <= free ? $"set {string.Join(", ", [.. changes, $"cutoff_len: {longest / 2} ({MemorySize.Text(half)})"])}"
            : $"weights, moments and gradients alone take {MemorySize.Text(memory.Total - memory.Activations)}; train a smaller model, or on a machine with more memory") + "; memory_check: false starts it all the same";

        static int Rows(GramTrainingOptions options) => options.PerDeviceTrainBatchSize * options.GradientAccumulationSteps;
    }

    /// <summary>Refuses a run that does not fit.</summary>
    /// <exception cref="GramException">It does not, and memory_check is on.</exception>
    public static void Check(GramTrainingOptions options, int longest, ScalarType dtype, Device? device, long free)
    {
        if (options.MemoryCheck && Problem(options, longest, dtype, device, free) is { } problem) throw new GramException($"{options.ModelNameOrPath}: {problem}");
    }
}
