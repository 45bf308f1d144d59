using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Training.Configuration;

namespace Gram.Host.Completion;

/// <summary>A key as a shell offers it.</summary>
/// <param name="Name">Without its dashes.</param>
/// <param name="Description">In a few words.</param>
/// <param name="Values">Its values where they are a closed set; empty: files, or anything.</param>
internal sealed record CompletionKey(string Name, string Description, IReadOnlyList<string> Values);

/// <summary>A command as a shell offers it.</summary>
/// <param name="Name">One word or two.</param>
/// <param name="Summary">What it does.</param>
/// <param name="Words">What its first word can be, where it takes one of a closed set.</param>
/// <param name="Keys">Its keys, short forms included.</param>
internal sealed record CompletionCommand(string Name, string Summary, IReadOnlyList<string> Words, IReadOnlyList<CompletionKey> Keys)
{
    /// <summary>The words of its name.</summary>
    public IReadOnlyList<string> NameWords => Name.Split(' ');
}

/// <summary>What all shells complete: the tables that --help prints.</summary>
internal static class CompletionTable
{
    private static readonly string[] Flag = ["true", "false"];

    /// <summary>The shells that there is a script for.</summary>
    public static IReadOnlyDictionary<string, Func<string>> Shells { get; } = new Dictionary<string, Func<string>>
    {
        ["bash"] = BashCompletion.Script,
        ["zsh"] = ZshCompletion.Script,
        ["fish"] = FishCompletion.Script,
        ["pwsh"] = PowerShellCompletion.Script,
    };

    /// <summary>The commands, in the order of --help.</summary>
    public static IReadOnlyList<CompletionCommand> Commands => [.. CommandTable.All.Select(Of)];

    /// <summary>First words of command lines with what they begin: a command, or several of two words.</summary>
    public static IReadOnlyList<(string Word, string Summary)> FirstWords =>
        [.. Commands.GroupBy(command => command.NameWords[0]).Select(group => (group.Key, group.First().Summary))];

    private static CompletionCommand Of(Command command)
    {
        var schema = command.Schema;
        var keys = schema.Keys.Select(key => Of(key, key.Name)).Concat(schema.ShortForms.Select(form => Of(form.Key, form.Name)));
        return new CompletionCommand(command.Name, command.Summary, command.Word is { } word ? schema.Find(word)!.Allowed : [], [.. keys, new CompletionKey("help", "lists the command's keys", [])]);
    }

    private static CompletionKey Of(OptionKey key, string name) => new(name, key.Description, key.IsFlag ? Flag : key.Allowed);
}
