using Gram.Models;
using Gram.Training.Adapters;
using Gram.Training.Memory;
using Gram.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo;

/// <summary>Bytes that a PPO run takes at its peak, from shapes alone.</summary>
public sealed record PpoMemory
{
    private const int PrefilledPrompts = 32, FewRows = 8; // at once, at most; that may be decoded where there is no room for more

    /// <summary>The policy: float32 masters, and the copy that is computed with; or a frozen base and an adapter.</summary>
    public required long Policy { get; init; }

    /// <summary>The frozen reference policy.</summary>
    public required long Reference { get; init; }

    /// <summary>A value model's own weights, or its adapter.</summary>
    public required long Value { get; init; }

    /// <summary>The judge, as its owner counts it: weights, and the keys and values of its largest batch.</summary>
    public required long Judge { get; init; }

    /// <summary>AdamW's moments of policy and value model.</summary>
    public required long Moments { get; init; }

    /// <summary>The copy that a checkpoint is written from while the run goes on; 0 on a GPU, whose memory it is not in.</summary>
    public required long Checkpoint { get; init; }

    /// <summary>Gradient sums of policy and value model, and a backward's own.</summary>
    public required long Gradients { get; init; }

    /// <summary>What a micro-batch's forward keeps for its backward, and the room that both work in.</summary>
    public required long Activations { get; init; }

    /// <summary>Keys, values and logits of the rows that are decoded together.</summary>
    public required long Caches { get; init; }

    /// <summary>The most at one time: what is decoded is gone when the update begins.</summary>
    public long Total => Policy + Reference + Value + Judge + Moments + Checkpoint + Math.Max(Caches, Gradients + Activations);

    /// <summary>Estimates a run.</summary>
    /// <param name="options">Its settings; model_name_or_path and ref_model are directories, whose shapes are read.</param>
    /// <param name="longestPrompt">Tokens of the longest prompt.</param>
    /// <param name="heldOut">Held-out prompts.</param>
    /// <param name="judge">Bytes of the judge.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="device">Where.</param>
    /// <exception cref="GramException">A model's files are missing or wrong.</exception>
    public static PpoMemory Of(PpoOptions options, int longestPrompt, int heldOut, long judge, ScalarType dtype, Device device)
    {
        var isAdapter = options.FinetuningType == FinetuningType.Lora;
        var policy = ModelMemory.Read(options.ModelNameOrPath, isAdapter ? options.Lora.Shape() : null);
        var trained = options.HasValueWeights ? 2 : 1;
        var length = longestPrompt + options.MaxNewTokens;
        var decoded = Math.Min(options.PerDeviceEvalBatchSize, Math.Max(options.PromptsPerStep * (options.NumSamples + (options.DecodesGreedy ? 1 : 0)), 2 * heldOut)); // an evaluation decodes a greedy answer and a sample
        var moments = trained * policy.Moments(options.HasEightBitMoments);
        return new()
        {
            Policy = policy.TrainedWeights(dtype),
            Reference = options.RefModel is { } other ? ModelMemory.Read(other).Weights(dtype)
                : !isAdapter ? policy.Weights(dtype)
                : options.Lora.AdapterNameOrPath is null ? 0 : policy.Adapter(dtype), // the policy's base, with the adapter that it began with
            Value = !options.HasValueWeights ? 0 : isAdapter ? policy.Adapter(dtype) : policy.TrainedWeights(dtype),
            Judge = judge,
            Moments = moments / options.Processes,
            Checkpoint = options.SavesCheckpoints && (options.BackgroundSave || options.Processes > 1) && device.type == DeviceType.CPU ? moments + (trained * policy.Masters) : 0,
            Gradients = (trained * policy.Gradients(dtype)) + policy.EmbeddingGradient(dtype),
            Activations = policy.Activations(dtype, (long)options.PerDeviceTrainBatchSize * length, options.GradientCheckpointing, fused: device.type != DeviceType.CUDA) + MemoryEstimate.Room,
            Caches = policy.Cache(dtype, decoded, length) + policy.Cache(dtype, Math.Min(PrefilledPrompts, decoded), longestPrompt) + policy.Logits(decoded + PrefilledPrompts) + MemoryEstimate.Room,
        };
    }

    /// <summary>What to change where a run does not fit, in one line; null where it fits.</summary>
    /// <param name="options">Its settings.</param>
    /// <param name="estimate">What settings take.</param>
    /// <param name="free">Bytes there are.</param>
    public static string? Problem(PpoOptions options, Func<PpoOptions, PpoMemory> estimate, long free)
    {
        var memory = estimate(options);
        if (memory.Total <= free) return null;
        // Those that do not change the result come first.
        var (_, total, changes) = MemoryAdvice.Of(options, next => estimate(next).Total, free,
            next => next.SavesCheckpoints && next.Processes == 1 ? (next with { BackgroundSave = false }, "background_save: false") : null,
            next => (next with { PerDeviceTrainBatchSize = 1, GradientAccumulationSteps = Rows(next) }, $"per_device_train_batch_size: 1 with gradient_accumulation_steps: {Rows(next)}"),
            next => (next with { GradientCheckpointing = true }, "gradient_checkpointing: true"),
            next => (next with { PerDeviceEvalBatchSize = Math.Min(FewRows, next.PerDeviceEvalBatchSize) }, $"per_device_eval_batch_size: {Math.Min(FewRows, next.PerDeviceEvalBatchSize)}"),
            next => (next with { Optim = AdamWOptions.EightBit }, $"optim: {AdamWOptions.EightBit}"),
            next => (next with { FinetuningType = FinetuningType.Lora }, "finetuning_type: lora"),
            next => next.HasValueWeights ? (next with { ValueModel = ValueModelKind.Shared }, "value_model: shared") : null);
        return $"the run needs {memory.Text()}, and {MemorySize.Text(free)} are free: " + (
            total <= free ? $"set {string.Join(", ", changes)}"
            : changes.Count > 0 ? $"{string.Join(", ", changes)} would still not fit; train a smaller model, or on a machine with more memory"
            : "train a smaller model, or on a machine with more memory") + "; memory_check: false starts it all the same";

        static int Rows(PpoOptions options) => options.PerDeviceTrainBatchSize * options.GradientAccumulationSteps;
    }

    /// <summary>The estimate in one line, what there is none of left out.</summary>
    public string Text()
    {
        (string Name, long Bytes)[] parts = [("policy", Policy), ("reference", Reference), ("value model", Value), ("judge with its batch", Judge), ("moments", Moments), ("copy for checkpoints", Checkpoint)];
        var held = string.Join(", ", parts.Where(part => part.Bytes > 0).Select(part => $"{part.Name} {MemorySize.Text(part.Bytes)}"));
        return $"about {MemorySize.Text(Total)} ({held}; updating, gradients {MemorySize.Text(Gradients)} and activations {MemorySize.Text(Activations)}; generating, caches {MemorySize.Text(Caches)})";
    }
}
