using System.Text.Json.Nodes;
using Gram.Pipes.Events;
using Gram.Ppo.Events;
using Gram.Training.Runs;

namespace Gram.Ppo.Runs;

/// <summary>What a run writes into its folder while it lasts: configuration, metrics, samples, checkpoints, the final model.</summary>
internal sealed class RunFiles : IDisposable
{
    private readonly RunDirectory directory;
    private readonly SampleFile samples;
    private readonly BackgroundCheckpoints checkpoints;
    private readonly int? saveTotalLimit;
    private readonly double? maxEvalKl;
    private readonly double temperature;

    /// <summary>Opens the folder.</summary>
    /// <param name="options">The run.</param>
    /// <param name="checkpoint">What it goes on from, if anything.</param>
    /// <param name="configYaml">Its complete configuration, if known.</param>
    /// <param name="notices">Told of checkpoints that could not be written.</param>
    public RunFiles(PpoOptions options, string? checkpoint, string? configYaml, IPublisher<Notice> notices)
    {
        (saveTotalLimit, maxEvalKl, temperature) = (options.SaveTotalLimit, options.MaxEvalKl, options.Temperature);
        directory = RunDirectory.Open(options.OutputDir, checkpoint, options.OverwriteOutputDir || (options.Resumes && checkpoint is null), options.Start.Directory, options.Start.Adapter);
        try
        {
            samples = directory.Guard(() => new SampleFile(directory.Path, directory.KeptStep));
            checkpoints = new BackgroundCheckpoints(directory, notices);
            if (configYaml is not null) directory.WriteConfig(configYaml);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The KL of the last step that is logged: what a run says that has no step left; null before any.</summary>
    public double? LoggedKl => directory.Curve("objective/kl") is [.., var logged] ? logged.Value : null;

    /// <summary>Whether there is a checkpoint of a step.</summary>
    public bool HasCheckpoint(int step) => directory.HasCheckpoint(step);

    /// <summary>The checkpoint of the last step that was evaluated within max_eval_kl; null where there is none.</summary>
    public string? CheckpointWithinBudget => StepWithinBudget is { } step ? directory.CheckpointOf(step) : null;

    // Of the checkpoints that are there: one that could not be written must not cost the one before it.
    private int? StepWithinBudget => maxEvalKl is null ? null : directory.Curve("eval/kl").Where(point => point.Value <= maxEvalKl && HasCheckpoint(point.Step)).Select(point => (int?)point.Step).LastOrDefault();

    /// <summary>A logged step.</summary>
    public void Log(int step, IReadOnlyDictionary<string, double> metrics, IReadOnlyList<SampleLine> lines)
    {
        directory.Log(step, metrics);
        directory.Guard(() => samples.Write(lines));
    }

    /// <summary>Says what became of a checkpoint that is no longer being written; for every step.</summary>
    public void Look() => checkpoints.Look();

    /// <summary>Waits for the checkpoint that is being written.</summary>
    public void Finish() => checkpoints.Finish();

    /// <summary>Writes a checkpoint; save_total_limit leaves the one within max_eval_kl.</summary>
    public void Save(int step, RunSnapshot snapshot, Action<string> fill) => directory.SaveCheckpoint(step, snapshot.State, WithRollout(snapshot, fill), saveTotalLimit, StepWithinBudget);

    /// <summary>Writes a checkpoint while the run goes on, from a copy, which it takes over.</summary>
    public void SaveBeside(int step, RunSnapshot snapshot, ModelSnapshot copy) => checkpoints.Begin(step, snapshot.State, copy, WithRollout(snapshot, copy.Save), saveTotalLimit, StepWithinBudget);

    /// <summary>Writes the final model.</summary>
    public void SaveFinal(int step, JsonObject state, Action<string> fill) => directory.SaveFinal(step, state, fill);

    public void Dispose()
    {
        checkpoints?.Finish(); // the constructor, too, disposes what it has made
        samples?.Dispose();
        directory.Dispose();
    }

    private Action<string> WithRollout(RunSnapshot snapshot, Action<string> fill) => path =>
    {
        fill(path);
        if (snapshot.InFlight is { } rollout) RolloutFile.Save(path, rollout, temperature);
    };
}
