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
    /// <summary>What the run came to, as --json prints it.</summary>
    public const string ResultFile = "result.json";

    /// <summary>The complete configuration, as run.</summary>
    public const string ConfigFile = "config.yaml";

    private const string StateFile = "trainer_state.json";
    private const string ValueModelFolder = "value_model";
    private const string LogFile = "trainer_log.jsonl";
    private const string FinishedKey = "finished";
    private const string CheckpointPrefix = "checkpoint-";
    private static readonly string[] FinalFiles = ["model*.safetensors", "model.safetensors.index.json", "adapter_model.safetensors", "adapter_config.json", "config.json", "generation_config.json", "gram_config.json", "README.md", "training_*.png", "report.html", ResultFile];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly List<string> history;
    private readonly FileStream log;
    private readonly TensorBoardWriter events;

    private RunDirectory(string path, List<string> history, int keptStep)
    {
        (Path, KeptStep) = (path, keptStep);
        this.history = history;
        var logPath = System.IO.Path.Combine(path, LogFile);
        AtomicFile.WriteText(logPath, string.Concat(history.Select(line => line + "\n")));
        log = new FileStream(logPath, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0); // what a full disk refuses must not be tried again by Dispose
        events = new TensorBoardWriter(path, keptStep);
    }

    /// <summary>
    /// Opens (or makes) the folder. A run that goes on from a checkpoint in it keeps log, events and checkpoints up to that
    /// one's step; any other removes what an earlier run left, its final model included.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <param name="checkpoint">The checkpoint that the run goes on from, known to load; null: a new run.</param>
    /// <param name="overwrite">Whether an earlier run, of which the checkpoint is no part, may be removed.</param>
    /// <param name="model">The model that the run starts from, which must lie elsewhere: the final model would replace it.</param>
    /// <param name="adapter">The adapter over it that the run starts from; likewise.</param>
    /// <exception cref="GramException">It cannot be written, is the model's own, or holds a run that may not be replaced.</exception>
    public static RunDirectory Open(string path, string? checkpoint = null, bool overwrite = true, string? model = null, string? adapter = null)
    {
        path = System.IO.Path.GetFullPath(path);
        var real = RealPath(path);
        if (((string?[])[model, adapter]).Any(start => start is not null && RealPath(start) == real)) throw new GramException($"{path}: is the model that the run starts from; name another output_dir");
        var goesOn = checkpoint is not null && System.IO.Path.GetDirectoryName(RealPath(checkpoint)) == real;
        var keptStep = goesOn ? GlobalStep(checkpoint!) : 0;
        if (!goesOn && !overwrite && HoldsRun(path))
        {
            throw new GramException($"{path}: holds an earlier run; name another output_dir, or set overwrite_output_dir: true or resume_from_checkpoint: true");
        }
        return Guard(path, () =>
        {
            Directory.CreateDirectory(path);
            if (!goesOn && HoldsRun(path)) DeleteFinalModel(path);
            foreach (var (_, later) in Checkpoints(path).Where(item => item.Step > keptStep)) DeleteCheckpoint(later);
            DeleteUnfinished(path);
            File.Delete(System.IO.Path.Combine(path, StateFile));
            if (!goesOn)
            {
                foreach (var file in Directory.GetFiles(path, "events.out.tfevents.*")) File.Delete(file);
            }
            return new RunDirectory(path, [.. StepLines.UpTo(System.IO.Path.Combine(path, LogFile), keptStep)], keptStep);
        });
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>The last step whose lines were kept when the folder was opened; 0: none.</summary>
    public int KeptStep { get; }

    /// <summary>Writes config.yaml.</summary>
    public void WriteConfig(string yaml) => Guard(() => AtomicFile.WriteText(System.IO.Path.Combine(Path, ConfigFile), yaml));

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
    /// caller's state), then deletes the oldest beyond the limit, but neither the newest nor the one that is kept.
    /// </summary>
    /// <exception cref="RunStoppedException">The disk is full; the last good checkpoint is named.</exception>
    public void SaveCheckpoint(int step, JsonObject state, Action<string> fill, int? saveTotalLimit = null, int? keptStep = null) => PrepareCheckpoint(step, state, fill, saveTotalLimit, keptStep)();

    /// <summary>What <see cref="SaveCheckpoint"/> does, with the log as it is now, to be done on another thread.</summary>
    internal Action PrepareCheckpoint(int step, JsonObject state, Action<string> fill, int? saveTotalLimit = null, int? keptStep = null)
    {
        var text = State(step, state);
        return () => Guard(() =>
        {
            AtomicFile.WriteDirectory(CheckpointOf(step), directory =>
            {
                fill(directory);
                AtomicFile.WriteText(System.IO.Path.Combine(directory, StateFile), text);
            });
            AtomicFile.WriteText(System.IO.Path.Combine(Path, StateFile), text);
            var checkpoints = Checkpoints(Path);
            foreach (var (_, oldest) in checkpoints.SkipLast(1).Where(item => item.Step != keptStep).Take(checkpoints.Count - (saveTotalLimit ?? checkpoints.Count))) DeleteCheckpoint(oldest);
        });
    }

    /// <summary>The checkpoint that was written after a step.</summary>
    public string CheckpointOf(int step) => System.IO.Path.Combine(Path, $"{CheckpointPrefix}{step}");

    /// <summary>Whether the checkpoint of a step is there, whole.</summary>
    public bool HasCheckpoint(int step) => File.Exists(System.IO.Path.Combine(CheckpointOf(step), StateFile));

    /// <summary>A metric's values so far, by step; those that are not finite are left out.</summary>
    public IReadOnlyList<(int Step, double Value)> Curve(string metric) =>
    [
        .. history.Select(line => JsonNode.Parse(line)!)
            .Where(entry => entry[metric]?.GetValueKind() == JsonValueKind.Number)
            .Select(entry => ((int)entry["step"]!, (double)entry[metric]!)),
    ];

    /// <summary>Writes the run's final model or other files, and trainer_state.json, into the folder itself.</summary>
    /// <exception cref="RunStoppedException">The disk is full; the last good checkpoint is named.</exception>
    public void SaveFinal(int step, JsonObject state, Action<string> fill) => Guard(() =>
    {
        fill(Path);
        AtomicFile.WriteText(System.IO.Path.Combine(Path, StateFile), State(step, state, isFinished: true));
    });

    /// <summary>Whether the folder holds a run that came to its end, final model and all.</summary>
    /// <exception cref="GramException">Its trainer_state.json is broken.</exception>
    public static bool IsFinished(string path) => File.Exists(System.IO.Path.Combine(path, StateFile)) && ReadState(path)[FinishedKey] is not null;

    /// <summary>The lines of a run's trainer_log.jsonl, oldest first; none where it logged nothing.</summary>
    public static IReadOnlyList<JsonObject> Logged(string path) => [.. StepLines.UpTo(System.IO.Path.Combine(path, LogFile), int.MaxValue).Select(line => JsonNode.Parse(line)!.AsObject())];

    /// <summary>The newest whole checkpoint of a run folder, or null.</summary>
    public static string? LatestCheckpoint(string path) => Checkpoints(path) is [.., var newest] ? newest.Path : null;

    /// <summary>What a guard's message says of the newest checkpoint.</summary>
    public static string LastGoodCheckpoint(string path) => LatestCheckpoint(path) is { } checkpoint ? $"the last good checkpoint is {checkpoint}" : "no checkpoint was written";

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

    /// <summary>Optimiser or PPO steps that a checkpoint stands after.</summary>
    /// <exception cref="GramException">Its trainer_state.json is missing or broken.</exception>
    public static int GlobalStep(string checkpoint) => ReadState(checkpoint)["global_step"] is JsonValue value && value.TryGetValue(out int step)
        ? step
        : throw new GramException($"{checkpoint}: its {StateFile} has no global_step; name another checkpoint");

    /// <summary>Whether resume_from_checkpoint asks for resuming: anything but nothing and false.</summary>
    public static bool Resumes(string? resumeFromCheckpoint) => resumeFromCheckpoint is { Length: > 0 } && !resumeFromCheckpoint.Equals("false", StringComparison.OrdinalIgnoreCase);

    /// <summary>The checkpoint to resume from: resume_from_checkpoint is a directory, or true for the newest in the folder; null to begin at the beginning.</summary>
    /// <exception cref="GramException">The directory is no checkpoint.</exception>
    public static string? ResumeFrom(string? resumeFromCheckpoint, string outputDirectory) => resumeFromCheckpoint switch
    {
        _ when !Resumes(resumeFromCheckpoint) => null,
        _ when resumeFromCheckpoint!.Equals("true", StringComparison.OrdinalIgnoreCase) => LatestCheckpoint(outputDirectory),
        _ when File.Exists(System.IO.Path.Combine(resumeFromCheckpoint, StateFile)) => System.IO.Path.GetFullPath(resumeFromCheckpoint),
        _ => throw new GramException($"resume_from_checkpoint: '{resumeFromCheckpoint}' holds no {StateFile}; name a checkpoint-N directory, or true for the newest in output_dir"),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        log.Dispose();
        events.Dispose();
    }

    /// <summary>A full path without links: one folder under two names is one, and must not be emptied for what lies in it.</summary>
    private static string RealPath(string path)
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (System.IO.Path.GetDirectoryName(full) is not { } parent) return full;
        var here = System.IO.Path.Combine(RealPath(parent), System.IO.Path.GetFileName(full));
        return Directory.Exists(here) && Directory.ResolveLinkTarget(here, returnFinalTarget: true) is { } target ? RealPath(target.FullName) : here;
    }

    /// <summary>Whether a folder holds a training run: its log or a checkpoint.</summary>
    public static bool HoldsRun(string path) => File.Exists(System.IO.Path.Combine(path, LogFile)) || LatestCheckpoint(path) is not null;

    /// <summary>Whole checkpoints, oldest first; a directory is renamed into place only when it is whole.</summary>
    private static List<(int Step, string Path)> Checkpoints(string path) => !Directory.Exists(path) ? [] :
    [
        .. Directory.GetDirectories(path, CheckpointPrefix + "*")
            .Select(directory => (Step: int.TryParse(System.IO.Path.GetFileName(directory)[CheckpointPrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1, Path: directory))
            .Where(item => item.Step >= 0 && File.Exists(System.IO.Path.Combine(item.Path, StateFile)))
            .OrderBy(item => item.Step),
    ];

    private static void DeleteFinalModel(string path)
    {
        foreach (var file in FinalFiles.SelectMany(pattern => Directory.GetFiles(path, pattern))) File.Delete(file);
        var value = System.IO.Path.Combine(path, ValueModelFolder);
        if (Directory.Exists(value)) Directory.Delete(value, recursive: true);
    }

    /// <summary>What a killed process was writing, under AtomicFile's names: NAME.PROCESS.tmp.</summary>
    private static void DeleteUnfinished(string path)
    {
        foreach (var entry in Directory.GetFileSystemEntries(path, "*.tmp").Where(entry => System.IO.Path.GetFileName(entry).Split('.') is [.., var process, _] && process.All(char.IsAsciiDigit)))
        {
            if (Directory.Exists(entry)) Directory.Delete(entry, recursive: true);
            else File.Delete(entry);
        }
    }

    /// <summary>The state goes first: what is half deleted is no checkpoint.</summary>
    private static void DeleteCheckpoint(string path)
    {
        File.Delete(System.IO.Path.Combine(path, StateFile));
        Directory.Delete(path, recursive: true);
    }

    private string State(int step, JsonObject state, bool isFinished = false)
    {
        var whole = new JsonObject { ["global_step"] = step };
        if (isFinished) whole[FinishedKey] = true;
        foreach (var (name, value) in state) whole[name] = value?.DeepClone();
        whole["log_history"] = new JsonArray([.. history.Select(line => JsonNode.Parse(line))]);
        return whole.ToJsonString(Indented);
    }

    /// <summary>Does what else writes into the folder, with its errors.</summary>
    /// <exception cref="GramException">The folder cannot be written.</exception>
    /// <exception cref="RunStoppedException">The disk is full; the last good checkpoint is named.</exception>
    public T Guard<T>(Func<T> write) => Guard(Path, write);

    /// <inheritdoc cref="Guard{T}(Func{T})"/>
    public void Guard(Action write) => Guard(() =>
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
        catch (IOException error) when (AtomicFile.IsDiskFull(error))
        {
            throw new RunStoppedException($"{path}: the disk is full; {LastGoodCheckpoint(path)}; free some space and resume", error);
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            throw new GramException($"{path}: cannot be written ({error.Message}); name another output_dir", error);
        }
    }
}
