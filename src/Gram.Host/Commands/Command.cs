using Gram.Host.Configuration;
using Gram.Training.Configuration;

namespace Gram.Host.Commands;

/// <summary>A command: its words, its options records and its job.</summary>
/// <param name="Name">One word or two.</param>
/// <param name="Summary">What it does, in a sentence.</param>
/// <param name="Example">A command line that works.</param>
/// <param name="Job">The <see cref="Hosting.IJob"/> that it runs.</param>
/// <param name="Records">Records of its own keys; those of every command come after them.</param>
internal sealed record Command(string Name, string Summary, string Example, Type Job, params OptionRecord[] Records)
{
    /// <summary>Whether it runs without arguments; otherwise that prints its help.</summary>
    public bool RunsBare { get; init; }

    /// <summary>The folder that its runs are written to, where none is named; null for commands without runs.</summary>
    public string? RunFolder { get; init; }

    /// <summary>Whether its output_dir holds a run, which <c>gram runs</c> lists.</summary>
    public bool LeavesRun { get; init; }

    /// <summary>The key that the command's first word sets, or all its loose words where it is a list; null for commands without such a word.</summary>
    public string? Word { get; init; }

    /// <summary>Whether LLaMA-Factory's keys without effect here are accepted.</summary>
    public bool Trains { get; init; }

    /// <summary>Whether its YAML file may be a list of stages.</summary>
    public bool TakesStages { get; init; }

    /// <summary>Its keys' values for the embedded demo: below the user's, where no model of the user's own is named.</summary>
    public IReadOnlyDictionary<string, string>? Preset { get; init; }

    /// <summary>All its options records.</summary>
    public IReadOnlyList<OptionRecord> Options => [.. Records, typeof(CommonOptions)];

    /// <summary>All its keys.</summary>
    public OptionSchema Schema => new(Options, Trains);
}
