using System.Globalization;
using Gram.Host.Commands;
using Gram.Host.Hosting;
using Gram.Models;

namespace Gram.Host.Configuration;

/// <summary>The runs of one command line, in order: one, or those of a YAML list, each of which starts from the model before.</summary>
/// <param name="All">Their settings, at least one.</param>
internal sealed record RunStages(IReadOnlyList<Settings> All)
{
    private const string OutputKey = "output_dir";

    /// <summary>The first one's settings, which say what holds for the process.</summary>
    public Settings First => All[0];

    /// <summary>Loads and checks them, and settles what the command works out itself.</summary>
    /// <exception cref="GramException">A key is unknown, or its value is not accepted; or there is a list where the command takes none.</exception>
    public static RunStages Load(Command command, CommandArguments arguments)
    {
        var schema = command.Schema;
        if (StageFile.Read(arguments.File) is not { } texts) return new([Settled(new Settings(schema, arguments, command.Preset), command.RunFolder)]);
        if (!command.TakesStages) throw new GramException($"{arguments.File}: is a list of stages, which gram train alone takes; {command.Name} takes one mapping of keys to values");

        var stages = new List<Settings>();
        string? folder = null;
        foreach (var text in texts)
        {
            var settings = new Settings(schema, arguments, command.Preset, text with { Model = stages.Count == 0 ? null : stages[^1].Get<CommonOptions>().OutputDir });
            if (settings.IsOverridden(OutputKey) || !settings.IsGiven(OutputKey))
            {
                // One folder for all of them: the user's, or the command's own.
                folder ??= settings.IsGiven(OutputKey) ? settings.Get<CommonOptions>().OutputDir : Settled(settings, command.RunFolder).Get<CommonOptions>().OutputDir;
                settings.Set(OutputKey, Path.Combine(folder!, string.Create(CultureInfo.InvariantCulture, $"stage-{stages.Count + 1}")));
            }
            else if (stages.Any(earlier => Path.GetFullPath(earlier.Get<CommonOptions>().OutputDir!) == Path.GetFullPath(settings.Get<CommonOptions>().OutputDir!)))
            {
                throw new GramException($"{text.Where}: '{OutputKey}' is an earlier stage's too; each stage needs a folder of its own");
            }
            if (settings.IsGiven(RevisionOptions.NameKey)) RevisionOptions.Settle(settings);
            OutputDirectory.Check(settings);
            if (settings.Get<RunOptions>() is { Resumes: true, ResumeFromCheckpoint: var from } && !"true".Equals(from, StringComparison.OrdinalIgnoreCase))
                throw new GramException($"{text.Where}: resume_from_checkpoint: of several stages, the one to go on with is found by what each has written: set it to true, not to {from}");
            stages.Add(settings);
        }
        return new(stages);
    }

    private static Settings Settled(Settings settings, string? folder)
    {
        RevisionOptions.Settle(settings);
        if (folder is not null) OutputDirectory.Settle(settings, folder);
        return settings;
    }
}
