using System.Text.Json.Nodes;

namespace Gram.Training.Runs;

/// <summary>A run's folder: config.yaml, trainer_state.json, trainer_log.jsonl, TensorBoard events, checkpoint-N/, the final model.</summary>
public sealed class RunDirectory : IDisposable
{
    /// <summary>Opens (or makes) the folder; one line and no half-written file where it cannot be written. Truncates trainer_log.jsonl to fromStep when resuming, starts it anew otherwise.</summary>
    public static RunDirectory Open(string path, int resumeStep = 0) => throw new NotImplementedException();
    /// <summary>Its path.</summary>
    public string Path => throw new NotImplementedException();
    /// <summary>Writes config.yaml.</summary>
    public void WriteConfig(string yaml) => throw new NotImplementedException();
    /// <summary>Appends one step's metrics to trainer_log.jsonl and TensorBoard; kept in the state's log_history.</summary>
    public void Log(int step, IReadOnlyDictionary<string, double> metrics) => throw new NotImplementedException();
    /// <summary>Writes checkpoint-N atomically through fill(directory), with trainer_state.json (global_step, log_history and the caller's state), then deletes the oldest beyond the limit.</summary>
    public void SaveCheckpoint(int step, JsonObject state, Action<string> fill, int? saveTotalLimit = null) => throw new NotImplementedException();
    /// <summary>The newest whole checkpoint of a run folder, or null.</summary>
    public static string? LatestCheckpoint(string path) => throw new NotImplementedException();
    /// <summary>trainer_state.json of a checkpoint.</summary>
    public static JsonObject ReadState(string checkpoint) => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}
