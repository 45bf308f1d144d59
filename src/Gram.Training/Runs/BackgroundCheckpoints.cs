using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Pipes.Events;

namespace Gram.Training.Runs;

/// <summary>
/// Writes a run's checkpoints while the run goes on, one at a time, from copies of what they hold. One that cannot be written is a
/// warning, and the last good one stays. All methods are for the run's own thread.
/// </summary>
/// <param name="directory">The run's folder.</param>
/// <param name="notices">Told what could not be written.</param>
public sealed class BackgroundCheckpoints(RunDirectory directory, IPublisher<Notice> notices)
{
    private Task writing = Task.CompletedTask;
    private IDisposable? copy; // of the one that is being written
    private int step;
    private bool said;

    /// <summary>Begins to write one; the one before is finished first.</summary>
    /// <param name="step">The step that it stands after.</param>
    /// <param name="state">As <see cref="RunDirectory.SaveCheckpoint"/> takes it.</param>
    /// <param name="copy">What fill writes; disposed here.</param>
    /// <param name="fill">Called on another thread.</param>
    /// <param name="saveTotalLimit">Most checkpoints kept.</param>
    /// <param name="keptStep">Step of a checkpoint that the limit does not delete.</param>
    public void Begin(int step, JsonObject state, IDisposable copy, Action<string> fill, int? saveTotalLimit, int? keptStep = null)
    {
        Finish();
        (this.step, this.copy) = (step, copy);
        writing = Task.Run(directory.PrepareCheckpoint(step, state, fill, saveTotalLimit, keptStep));
    }

    /// <summary>Says what became of one that is no longer being written; for every step.</summary>
    public void Look()
    {
        if (writing.IsCompleted) Finish();
    }

    /// <summary>Waits for the one that is being written.</summary>
    public void Finish()
    {
        if (copy is null) return;
        try
        {
            writing.GetAwaiter().GetResult();
            said = false;
        }
        catch (Exception error) when (error is RunStoppedException or GramException)
        {
            if (!said) notices.Publish(new Notice($"the checkpoint of step {step} was not written, and the run goes on: {error.Message}", IsWarning: true));
            said = true; // until one is written again
        }
        finally
        {
            copy.Dispose();
            copy = null;
        }
    }
}
