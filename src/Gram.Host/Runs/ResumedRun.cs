using Gram.Host.Configuration;
using Gram.Models;
using Gram.Training.Runs;

namespace Gram.Host.Runs;

/// <summary>A run that goes on from a checkpoint in its folder.</summary>
internal static class ResumedRun
{
    /// <summary>Keys that say how this process runs, and nothing of what comes out.</summary>
    private static readonly string[] OfTheProcess = ["resume_from_checkpoint", "overwrite_output_dir", "output_dir", "json", "libtorch"];

    /// <summary>A line of the keys that were set otherwise when the run was stopped, which change what it comes to; null where there is none, or nothing to go on from.</summary>
    public static string? Changes(Settings settings)
    {
        if (!settings.Get<RunOptions>().Resumes || settings.Get<CommonOptions>().OutputDir is not { } folder) return null;
        var file = Path.Combine(folder, RunDirectory.ConfigFile);
        if (!File.Exists(file) || RunDirectory.LatestCheckpoint(folder) is null) return null;
        Dictionary<string, string> before, now;
        try
        {
            (before, now) = (RunFolder.ReadConfig(file), RunFolder.Values(settings.ToYaml(), "the configuration"));
        }
        catch (GramException error)
        {
            return error.Message; // the run needs it for nothing else
        }
        string[] changes =
        [
            .. from pair in now
               where !OfTheProcess.Contains(pair.Key) && before.TryGetValue(pair.Key, out var earlier) && earlier != pair.Value
               select $"{pair.Key} {Shown(before[pair.Key])} → {Shown(pair.Value)}",
        ];
        return changes.Length == 0 ? null : $"{folder}: goes on with other settings than it was stopped with: {string.Join("; ", changes)}";

        static string Shown(string value) => value.Length > 0 ? value : "none";
    }
}
