using Gram.Ppo.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;

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
    /// <summary>The complete configuration, written to config.yaml of the run directory.</summary>
    public string? ConfigYaml { get; init; }

    /// <summary>Runs to the end. Cancelled, it writes a checkpoint after the step under way and throws OperationCanceledException.</summary>
    /// <exception cref="Gram.Models.GramException">Settings, model or prompts are wrong.</exception>
    /// <exception cref="Gram.Training.Runs.RunStoppedException">A guard stopped the run.</exception>
    public Task<PpoResult> RunAsync(CancellationToken cancellationToken = default)
    {
        _ = (options, judge, prompts, evalPrompts, events, gold, cancellationToken);
        throw new NotImplementedException();
    }
}
