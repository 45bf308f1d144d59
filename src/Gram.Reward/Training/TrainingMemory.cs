using Gram.Models;
using Gram.Training.Adapters;
using Gram.Training.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>Whether a run fits into memory, asked before anything is loaded.</summary>
internal static class TrainingMemory
{
    /// <summary>What the run takes where its longest example fills a micro-batch.</summary>
    public static MemoryEstimate Of(GramTrainingOptions options, int longest, ScalarType dtype, Device? device) =>
        MemoryEstimate.Of(options.ModelNameOrPath, dtype, options.PerDeviceTrainBatchSize, longest, options.GradientCheckpointing, fused: device?.type is not DeviceType.CUDA, options.Adapter);

    /// <summary>The estimate in one line.</summary>
    public static string Text(MemoryEstimate memory) =>
        $"about {MemorySize.Text(memory.Total)} (weights {MemorySize.Text(memory.Weights)}, moments {MemorySize.Text(memory.Moments)}, gradients {MemorySize.Text(memory.Gradients)}, activations {MemorySize.Text(memory.Activations)})";

    /// <summary>What to change where the run does not fit, in one line; null where it fits.</summary>
    public static string? Problem(GramTrainingOptions options, int longest, ScalarType dtype, Device? device, long free)
    {
        var memory = Of(options, longest, dtype, device);
        if (memory.Total <= free) return null;
        var advice = new List<string>();
        var tried = options;
        // Cheapest first, each on top of those before it, until it fits: those before lora and cutoff_len do not change the result.
        if (!tried.GradientCheckpointing) Try(tried with { GradientCheckpointing = true }, "gradient_checkpointing: true");
        if (tried.PerDeviceTrainBatchSize > 1)
        {
            var rows = tried.PerDeviceTrainBatchSize * tried.GradientAccumulationSteps;
            Try(tried with { PerDeviceTrainBatchSize = 1, GradientAccumulationSteps = rows }, $"per_device_train_batch_size: 1 with gradient_accumulation_steps: {rows}");
        }
        if (tried.FinetuningType == FinetuningType.Full && Of(tried with { FinetuningType = FinetuningType.Lora }, longest, dtype, device).Total <= free) Try(tried with { FinetuningType = FinetuningType.Lora }, "finetuning_type: lora");
        var fits = Of(tried, longest, dtype, device);
        var half = Of(tried, Math.Max(1, longest / 2), dtype, device);
        return $"the run needs {Text(memory)}, and {MemorySize.Text(free)} are free: " + (
            fits.Total <= free ? $"set {string.Join(", ", advice)} ({MemorySize.Text(fits.Total)})"
            : half.Total <= free ? $"set {string.Join(", ", [.. advice, $"cutoff_len: {longest / 2}"])} ({MemorySize.Text(half.Total)})"
            : $"weights, moments and gradients alone take {MemorySize.Text(memory.Total - memory.Activations)}; train a smaller model, or on a machine with more memory") + "; memory_check: false starts it all the same";

        void Try(GramTrainingOptions next, string text)
        {
            var now = Of(tried, longest, dtype, device).Total;
            if (now <= free || Of(next, longest, dtype, device).Total >= now) return;
            tried = next;
            advice.Add(text);
        }
    }

    /// <summary>Refuses a run that does not fit.</summary>
    /// <exception cref="GramException">It does not, and memory_check is on.</exception>
    public static void Check(GramTrainingOptions options, int longest, ScalarType dtype, Device? device, long free)
    {
        if (options.MemoryCheck && Problem(options, longest, dtype, device, free) is { } problem) throw new GramException($"{options.ModelNameOrPath}: {problem}");
    }
}
