using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Training.Configuration;
using Gram.Training.Runs;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Gram.Host.Runs;

/// <summary>What became of a run. One that is under way has not finished either.</summary>
internal enum RunState
{
    /// <summary>It came to its end.</summary>
    Finished,

    /// <summary>It did not, and a checkpoint says where it goes on.</summary>
    Resumable,

    /// <summary>It did not, and there is no checkpoint.</summary>
    Stopped,
}

/// <summary>A run as its folder tells of it.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Command">The command that made it.</param>
/// <param name="When">When it was last written to.</param>
/// <param name="State">What became of it.</param>
/// <param name="Steps">Steps done; null for a run without steps.</param>
/// <param name="Config">Its settings as texts.</param>
/// <param name="Metrics">What it came to; of an unfinished run what it logged last.</param>
internal sealed record RunFolder(
    string Path, string Command, DateTimeOffset When, RunState State, int? Steps, IReadOnlyDictionary<string, string> Config, IReadOnlyList<RunMetric> Metrics)
{
    /// <summary>Keys that name a run's model, first the one that counts.</summary>
    private static readonly string[] ModelKeys = ["model_name_or_path", "reward_model", "base_url", "scores"];

    /// <summary>Folders below the one that is listed, so that a root named by mistake is not searched for ever.</summary>
    private const int Depth = 3;

    /// <summary>The model that was trained, run or asked.</summary>
    public string Model => ModelKeys.Select(key => Config.GetValueOrDefault(key, "")).FirstOrDefault(name => name.Length > 0) ?? "";

    /// <summary>The runs in a folder and its folders, the newest last; itself among them where it is one.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="broken">Told of runs that cannot be read.</param>
    /// <exception cref="GramException">There is no such folder.</exception>
    public static IReadOnlyList<RunFolder> In(string folder, Action<string> broken)
    {
        if (!Directory.Exists(folder)) throw new GramException($"{folder}: no such folder; name one that holds runs: gram runs FOLDER");
        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = Depth - 1, IgnoreInaccessible = true };
        var runs = new List<RunFolder>();
        foreach (var path in Directory.EnumerateDirectories(folder, "*", options).Prepend(folder).Where(IsRun))
        {
            try
            {
                runs.Add(Read(path));
            }
            catch (GramException error)
            {
                broken(error.Message);
            }
        }
        return [.. runs.OrderBy(run => run.When).ThenBy(run => run.Path, StringComparer.Ordinal)];
    }

    /// <summary>One run.</summary>
    /// <exception cref="GramException">The folder holds none, or its files are broken.</exception>
    public static RunFolder Read(string path)
    {
        if (!IsRun(path)) throw new GramException($"{path}: holds no run: there is no {RunDirectory.ConfigFile} with a log, a checkpoint or a result beside it");
        var config = ReadConfig(System.IO.Path.Combine(path, RunDirectory.ConfigFile));
        var (log, result) = (RunDirectory.Logged(path), ReadResult(path));
        var finished = RunDirectory.HoldsRun(path) ? RunDirectory.IsFinished(path) : result is not null;
        var state = finished ? RunState.Finished : RunDirectory.LatestCheckpoint(path) is not null ? RunState.Resumable : RunState.Stopped;
        int? steps = finished && result?["steps"] is { } made ? (int)made : log.Count > 0 ? (int?)log[^1]["step"] : RunDirectory.LatestCheckpoint(path) is { } checkpoint ? RunDirectory.GlobalStep(checkpoint) : null;
        return new(path, CommandOf(config.Keys), LastWrite(path), state, steps, config, finished && result is not null ? RunMetric.Of(result) : RunMetric.OfLog(log));
    }

    /// <summary>Whether a folder is a run's own; a checkpoint of one is not.</summary>
    private static bool IsRun(string path) =>
        File.Exists(System.IO.Path.Combine(path, RunDirectory.ConfigFile)) && (File.Exists(System.IO.Path.Combine(path, RunDirectory.ResultFile)) || RunDirectory.HoldsRun(path));

    /// <summary>The command whose keys are the file's: config.yaml holds all keys of the command that ran, and those of two commands differ.</summary>
    private static string CommandOf(IEnumerable<string> keys)
    {
        var written = keys.ToHashSet();
        return CommandTable.All.Where(command => command.LeavesRun).MinBy(command =>
        {
            var known = command.Schema.Keys.Select(key => key.Name).ToHashSet();
            known.SymmetricExceptWith(written);
            return known.Count;
        })!.Name;
    }

    private static DateTimeOffset LastWrite(string path) => Directory.EnumerateFiles(path).Select(File.GetLastWriteTimeUtc).Max();

    /// <summary>The keys of a config.yaml and their values as text.</summary>
    /// <exception cref="GramException">It is none.</exception>
    internal static Dictionary<string, string> ReadConfig(string file) => Values(File.ReadAllText(file), file);

    /// <summary>The keys of such a text; its name is for the error.</summary>
    /// <exception cref="GramException">It is no mapping of keys to values.</exception>
    internal static Dictionary<string, string> Values(string yaml, string name)
    {
        try
        {
            var values = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object?>>(yaml) ?? [];
            return values.ToDictionary(pair => pair.Key, pair => OptionKey.Text(pair.Value) ?? "");
        }
        catch (YamlException error)
        {
            throw new GramException($"{name}, line {error.Start.Line}: not a YAML mapping of keys to values", error);
        }
    }

    private static JsonObject? ReadResult(string path)
    {
        var file = System.IO.Path.Combine(path, RunDirectory.ResultFile);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException error)
        {
            throw new GramException($"{file}: is not a JSON object ({error.Message}); the run is left out", error);
        }
    }
}
