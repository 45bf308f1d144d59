using System.Text;
using Gram.Host.Configuration;
using Gram.Models;

namespace Gram.Host.Commands;

/// <summary>The program's commands.</summary>
internal static class CommandTable
{
    public static IReadOnlyList<Command> All { get; } =
    [
        new("doctor", "Says what engine, devices, dtypes and versions there are, and what can and cannot run here, and why.", "gram doctor", typeof(DoctorJob)) { RunsBare = true },
    ];

    /// <summary>The command that a command line starts with, and the words after it.</summary>
    public static (Command Command, IReadOnlyList<string> Words) Find(IReadOnlyList<string> args)
    {
        foreach (var command in All)
        {
            var name = command.Name.Split(' ');
            if (args.Take(name.Length).SequenceEqual(name, StringComparer.OrdinalIgnoreCase)) return (command, [.. args.Skip(name.Length)]);
        }
        throw new GramException($"unknown command '{args[0]}'; the nearest known one is '{NearestName.Of(args[0], All.Select(command => command.Name))}' (gram --help lists all)");
    }

    /// <summary>The list of commands.</summary>
    public static string Help()
    {
        var text = new StringBuilder();
        text.AppendLine("Example:  gram ppo").AppendLine();
        text.AppendLine("GRAM reward models, PPO and best-of-n for language models, in one process.").AppendLine();
        var width = All.Max(command => command.Name.Length);
        foreach (var command in All) text.Append("  ").Append(command.Name.PadRight(width)).Append("  ").AppendLine(command.Summary);
        return text.AppendLine().AppendLine("gram COMMAND --help lists a command's keys.").ToString();
    }
}
