using System.ComponentModel.DataAnnotations;
using Gram.Models;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Ppo.Events;
using Gram.Ppo.Rewards;
using Gram.Ppo.Runs;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Memory;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo;

/// <summary>
/// A PPO run from a policy directory to a trained model: loads, resumes, loops, evaluates, saves. All of its tensor work
/// happens on one thread of its own.
/// </summary>
/// <param name="options">The settings; model_name_or_path is a directory.</param>
/// <param name="judge">Who judges; not owned.</param>
/// <param name="prompts">Training prompts.</param>
/// <param name="evalPrompts">Held-out prompts; may be empty.</param>
/// <param name="events">Where to publish.</param>
/// <param name="gold">The task's own measure, if any; only reported.</param>
public sealed class PpoRun(
    PpoOptions options,
    IPairJudge judge,
    IReadOnlyList<Prompt> prompts,
    IReadOnlyList<Prompt> evalPrompts,
    PpoEvents events,
    IGoldMeasure? gold = null)
{
    private readonly bool isFreeGiven;
    private readonly long? freeBytes;

    /// <summary>The complete configuration, written to config.yaml of the run directory.</summary>
    public string? ConfigYaml { get; init; }

    /// <summary>finetuning_type lora: the policy's base in memory, where the judge's adapter lies over it too; not owned. Null: it is loaded.</summary>
    public CausalLM? Base { get; init; }

    /// <summary>finetuning_type lora: what adapters will say their base is, a hub id where its directory is the cache's; the directory unless given.</summary>
    public string? BaseName { get; init; }

    /// <summary>The judge's prompt: its markers are looked for in responses, its turn format writes conversations.</summary>
    public GramConfig JudgeConfig { get; init; } = GramConfig.Published;

    /// <summary>Terms of the reward beside the judge and those that the options name; not owned.</summary>
    public IReadOnlyList<IReward> Rewards { get; init; } = [];

    /// <summary>What compares a query's samples instead of RLOO's or GRPO's formula; the options' advantage is one of these then. Null: they do.</summary>
    public IAdvantageEstimator? Estimator { get; init; }

    /// <summary>Where the models are.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>What is computed in. Optimised weights and moments are float32 always.</summary>
    public ScalarType DType { get; init; } = ScalarType.Float32;

    /// <summary>What the judge takes in memory, in bytes: part of the run's estimate.</summary>
    public long JudgeBytes { get; init; }

    /// <summary>Memory that run and judge may take, in bytes; null: not checked. Unless given, what the device has free.</summary>
    public long? FreeBytes
    {
        get => isFreeGiven ? freeBytes : FreeMemory.Of(Device);
        init => (isFreeGiven, freeBytes) = (true, value);
    }

    /// <summary>The processes that do the run together, each with a judge of its own; this one alone unless given.</summary>
    public IProcessGroup Group { get; init; } = SoleProcess.Instance;

    internal IPairJudge Judge => judge;

    internal IReadOnlyList<Prompt> Prompts => prompts;

    internal IReadOnlyList<Prompt> EvalPrompts => evalPrompts;

    internal IGoldMeasure? Gold => gold;

    /// <summary>Runs to the end. Cancelled, it finishes an update under way, writes a checkpoint and throws OperationCanceledException.</summary>
    /// <exception cref="GramException">Settings, model or prompts are wrong.</exception>
    /// <exception cref="Gram.Training.Runs.RunStoppedException">A guard stopped the run.</exception>
    public Task<PpoResult> RunAsync(CancellationToken cancellationToken = default)
    {
        var shared = options with { Processes = Group.Size };
        Validate(shared);
        return DeviceThread.RunAsync(async () =>
        {
            using var activity = PpoTelemetry.StartRun(options);
            using var session = new PpoSession(this, shared, Group.Leads() ? events : PpoEvents.Unheard);
            return await session.RunAsync(cancellationToken);
        });
    }

    private void Validate(PpoOptions shared)
    {
        var errors = new List<ValidationResult>();
        if (!Validator.TryValidateObject(shared, new ValidationContext(shared), errors, validateAllProperties: true)) throw new GramException(errors[0].ErrorMessage!);
        if (Estimator is not null && !options.ComparesSamples) throw new GramException($"advantage: {options.Advantage.ToString().ToLowerInvariant()} does not compare samples, and the run is given an estimator that does; set rloo or grpo");
        if (prompts.Count == 0) throw new GramException("dataset: there is no training prompt; name a file with at least one");
        if (options.MaxEvalKl is not null && evalPrompts.Count == 0) throw new GramException("max_eval_kl is looked at where the run evaluates, and there is no held-out prompt; name eval_dataset, or set val_size");
    }
}
