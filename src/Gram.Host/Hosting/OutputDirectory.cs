using System.Globalization;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>Where a training run writes, so that no finished run is replaced unasked.</summary>
internal static class OutputDirectory
{
    private const string Key = "output_dir";

    /// <summary>
    /// Keeps the folder that the user named. Where none was named: the command's own, then that with -2 and so on, or the
    /// last of these where the run is to be resumed.
    /// </summary>
    /// <exception cref="GramException">The folder named is a file, or holds a run and neither overwrite_output_dir nor resume_from_checkpoint says what to do with it.</exception>
    public static void Settle(Settings settings, string name)
    {
        if (settings.IsGiven(Key))
        {
            Check(settings);
            return;
        }
        var names = Enumerable.Range(1, int.MaxValue).Select(i => i == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{i}"));
        var free = names.First(path => !Path.Exists(path));
        settings.Set(Key, settings.Get<RunOptions>().Resumes ? names.TakeWhile(path => path != free).LastOrDefault(free) : free);
    }

    /// <summary>Refuses a folder that holds a run which is neither to be replaced nor to be resumed.</summary>
    /// <exception cref="GramException">It does, or is a file.</exception>
    public static void Check(Settings settings)
    {
        var options = settings.Get<RunOptions>();
        var path = settings.Get<CommonOptions>().OutputDir!;
        if (File.Exists(path)) throw new GramException($"{Key}: {path} is a file; name a folder");
        if (!options.Resumes && !options.OverwriteOutputDir && (RunDirectory.LatestCheckpoint(path) is not null || File.Exists(Path.Combine(path, "trainer_log.jsonl"))))
        {
            throw new GramException($"{Key}: {path} holds an earlier run; name another folder, or set --overwrite_output_dir or --resume_from_checkpoint true");
        }
    }
}
