using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models.Checkpoints;
using Gram.Training.Runs;

namespace Gram.Host.Runs;

/// <summary>What every run leaves in its folder, whatever its command: result.json, and the configuration where the job has not written it.</summary>
internal static class FinishedRun
{
    /// <summary>Writes both. A run of several stages leaves its result in the last one's folder; one without a folder leaves nothing.</summary>
    public static void Write(RunStages stages, JsonObject result)
    {
        var settings = stages.All[^1];
        if (settings.Get<CommonOptions>().OutputDir is not { } folder || !Directory.Exists(folder)) return;
        if (result["seconds"] is null) return; // a preview, or all of it was finished before
        if (!RunDirectory.HoldsRun(folder)) AtomicFile.WriteText(Path.Combine(folder, RunDirectory.ConfigFile), settings.ToYaml());
        AtomicFile.WriteText(Path.Combine(folder, RunDirectory.ResultFile), new JobResult(result, "").JsonLine + "\n");
    }
}
