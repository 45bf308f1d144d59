using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;

namespace Gram.Training.Runs;

/// <summary>A run's folder: config.yaml, trainer_state.json, trainer_log.jsonl, TensorBoard events, checkpoint-N/, the final model.</summary>
public sealed class RunDirectory : IDisposable
{
    private const string StateFile = "trainer_state.json";
    private const string LogFile = "trainer_log.jsonl";
    private const string CheckpointPrefix = "checkpoint-";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly List<string> history;
    private readonly FileStream log;
    private readonly TensorBoardWriter events;

    private RunDirectory(string path, List<string> history, int resumeStep)
    {
        Path = path;
        this.history = history;
        var logPath = System.IO.Path.Combine(path, LogFile);
        AtomicFile.WriteText(logPath, string.Concat(history.Select(line => line + "\n")));
        log = new FileStream(logPath, FileMode.Append, FileAccess.Write, FileShare.Read);
        events = new TensorBoardWriter(path, resumeStep);
    }

    /// <summary>
    /// Opens (or makes) the folder. A new run (resumeStep 0) removes the log, events and checkpoints of an earlier one;
    /// a resumed one keeps them up to its step.
    /// </summary>
    /// <exception cref="GramException">It cannot be written, or holds a run that may not be replaced (overwrite false).</exception>
    public static RunDirectory Open(string path, int resumeStep = 0, bool overwrite = true)
    {
        path = System.IO.Path.GetFullPath(path);
        if (resumeStep == 0 && !overwrite && HoldsRun(path))
        {
            throw new GramException($"{path}: holds an earlier run; name another output_dir, or set overwrite_output_dir: true or resume_from_checkpoint: true");
        }
        return Guard(path, () =>
        {
            Directory.CreateDirectory(path);
            foreach (var (step, checkpoint) in Checkpoints(path).Where(item => item.Step > resumeStep)) DeleteCheckpoint(checkpoint);
            foreach (var unfinished in Directory.GetDirectories(path, CheckpointPrefix + "*.tmp")) Directory.Delete(unfinished, recursive: true);
            if (resumeStep == 0)
            {
                foreach (var file in Directory.GetFiles(path, "events.out.tfevents.*").Append(System.IO.Path.Combine(path, StateFile))) File.Delete(file);
            }
            return new RunDirectory(path, resumeStep == 0 ? [] : ReadLog(path, resumeStep), resumeStep);
        });
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>Writes config.yaml.</summary>
    public void WriteConfig(string yaml) => Guard(() => AtomicFile.WriteText(System.IO.Path.Combine(Path, "config.yaml"), yaml));

    /// <summary>Appends one step's metrics to trainer_log.jsonl and TensorBoard; kept in the state's log_history. Numbers that are not finite are written as the strings NaN, Infinity, -Infinity.</summary>
    public void Log(int step, IReadOnlyDictionary<string, double> metrics)
    {
        var entry = new JsonObject { ["step"] = step };
        foreach (var (name, value) in metrics) entry[name] = double.IsFinite(value) ? value : value.ToString(CultureInfo.InvariantCulture);
        var line = entry.ToJsonString();
        history.Add(line);
        Guard(() =>
        {
            log.Write(Encoding.UTF8.GetBytes(line + "\n"));
            log.Flush();
            events.Write(step, metrics);
        });
    }

    /// <summary>
    /// Writes checkpoint-N atomically through fill(directory), with trainer_state.json (global_step, log_history and the
    /// caller's state), then deletes the oldest beyond the limit.
    /// </summary>
    /// <exception cref="RunStoppedException">The disk is full; the last good checkpoint is named.</exception>
    public void SaveCheckpoint(int step, JsonObject state, Action<string> fill, int? saveTotalLimit = null) => Guard(() =>
    {
        var text = State(step, state);
        AtomicFile.WriteDirectory(System.IO.Path.Combine(Path, $"{CheckpointPrefix}{step}"), directory =>
        {
            fill(directory);
            AtomicFile.WriteText(System.IO.Path.Combine(directory, StateFile), text);
        });
        AtomicFile.WriteText(System.IO.Path.Combine(Path, StateFile), text);
        var checkpoints = Checkpoints(Path);
        foreach (var (_, oldest) in checkpoints.Take(checkpoints.Count - (saveTotalLimit ?? checkpoints.Count))) DeleteCheckpoint(oldest);
    });

    /// <summary>Writes the run's final model or other files, and trainer_state.json, into the folder itself.</summary>
    /// <exception cref="RunStoppedException">The disk is full; the last good checkpoint is named.</exception>
    public void SaveFinal(int step, JsonObject state, Action<string> fill) => Guard(() =>
    {
        fill(Path);
        AtomicFile.WriteText(System.IO.Path.Combine(Path, StateFile), State(step, state));
    });

    /// <summary>The newest whole checkpoint of a run folder, or null.</summary>
    public static string? LatestCheckpoint(string path) => Checkpoints(path) is [.., var newest] ? newest.Path : null;

    /// <summary>trainer_state.json of a checkpoint.</summary>
    /// <exception cref="GramException">It is missing or broken.</exception>
    public static JsonObject ReadState(string checkpoint)
    {
        var path = System.IO.Path.Combine(checkpoint, StateFile);
        if (!File.Exists(path)) throw new GramException($"{path}: no such file; resume_from_checkpoint names a checkpoint-N directory of a run");
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new GramException($"{path}: is not a JSON object; name another checkpoint");
        }
        catch (JsonException error)
        {
            throw new GramException($"{path}: is not JSON ({error.Message}); name another checkpoint", error);
        }
    }

    /// <summary>The checkpoint to resume from: resume_from_checkpoint is a directory, or true for the newest in the folder; null to begin at the beginning.</summary>
    /// <exception cref="GramException">The directory is no checkpoint.</exception>
    public static string? ResumeFrom(string? resumeFromCheckpoint, string outputDirectory) => resumeFromCheckpoint?.ToUpperInvariant() switch
    {
        null or "" or "FALSE" => null,
        "TRUE" => LatestCheckpoint(outputDirectory),
        _ when File.Exists(System.IO.Path.Combine(resumeFromCheckpoint, StateFile)) => System.IO.Path.GetFullPath(resumeFromCheckpoint),
        _ => throw new GramException($"resume_from_checkpoint: '{resumeFromCheckpoint}' holds no {StateFile}; name a checkpoint-N directory, or true for the newest in output_dir"),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        log.Dispose();
        events.Dispose();
    }

    private static bool HoldsRun(string path) => File.Exists(System.IO.Path.Combine(path, LogFile)) || LatestCheckpoint(path) is not null;

    /// <summary>Whole checkpoints, oldest first; a directory is renamed into place only when it is whole.</summary>
    private static List<(int Step, string Path)> Checkpoints(string path) => !Directory.Exists(path) ? [] :
    [
        .. Directory.GetDirectories(path, CheckpointPrefix + "*")
            .Select(directory => (Step: int.TryParse(System.IO.Path.GetFileName(directory)[CheckpointPrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1, Path: directory))
            .Where(item => item.Step >= 0 && File.Exists(System.IO.Path.Combine(item.Path, StateFile)))
            .OrderBy(item => item.Step),
    ];

    /// <summary>The state goes first: what is half deleted is no checkpoint.</summary>
    private static void DeleteCheckpoint(string path)
    {
        File.Delete(System.IO.Path.Combine(path, StateFile));
        Directory.Delete(path, recursive: true);
    }

    private static List<string> ReadLog(string path, int lastStep)
    {
        var file = System.IO.Path.Combine(path, LogFile);
        return !File.Exists(file) ? [] : [.. File.ReadLines(file).TakeWhile(line => StepOf(line) is { } step && step <= lastStep)];

        static int? StepOf(string line)
        {
            try
            {
                return (int?)JsonNode.Parse(line)?["step"];
            }
            catch (JsonException)
            {
                return null; // the line that a killed run was writing
            }
        }
    }

    private string State(int step, JsonObject state)
    {
        var whole = new JsonObject { ["global_step"] = step };
        foreach (var (name, value) in state) whole[name] = value?.DeepClone();
        whole["log_history"] = new JsonArray([.. history.Select(line => JsonNode.Parse(line))]);
        return whole.ToJsonString(Indented);
    }

    private void Guard(Action write) => Guard(Path, () =>
    {
        write();
        return true;
    });

    /// <summary>Turns what the file system refuses into the user's errors.</summary>
    private static T Guard<T>(string path, Func<T> write)
    {
        try
        {
            return write();
        }
        catch (IOException error) when (IsDiskFull(error))
        {
            var good = LatestCheckpoint(path) is { } checkpoint ? $"the last good checkpoint is {checkpoint}" : "no checkpoint was written";
            throw new RunStoppedException($"{path}: the disk is full; {good}; free some space and resume", error);
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            throw new GramException($"{path}: cannot be written ({error.Message}); name another output_dir", error);
        }
    }

    /// <summary>ENOSPC, EDQUOT; ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL.</summary>
    private static bool IsDiskFull(IOException error) => error.HResult is 28 or 122 or unchecked((int)0x80070070) or unchecked((int)0x80070027);
}
