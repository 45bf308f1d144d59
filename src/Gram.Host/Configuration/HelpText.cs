using System.Text;
using Gram.Host.Commands;
using Gram.Training.Configuration;

namespace Gram.Host.Configuration;

/// <summary>What --help prints.</summary>
internal static class HelpText
{
    /// <summary>A command's help: an example first, then its keys with kind, default, accepted values and meaning.</summary>
    public static string Of(Command command)
    {
        var (schema, text) = (command.Schema, new StringBuilder());
        text.Append("Example:  ").AppendLine(command.Example).AppendLine();
        text.AppendLine(command.Summary).AppendLine();
        text.Append("Usage:  gram ").Append(command.Name).Append(command.Word is { } word ? $" {word.ToUpperInvariant()}{(schema.Find(word)!.IsList ? " …" : "")}" : "").AppendLine(" [FILE.yaml] [--key value …]").AppendLine();
        text.AppendLine("Keys, the same in the YAML file, in the environment (GRAM_KEY) and on the command line (the later one wins):");
        var own = schema.Keys.Where(key => key.Prefix.Length == 0).ToList();
        var width = own.Max(key => Head(key).Length);
        foreach (var key in own)
        {
            text.Append("  ").Append(Head(key).PadRight(width)).Append("  ").Append(key.Description);
            var preset = key.Name == "output_dir" ? command.RunFolder : null;
            string[] facts = [key.Accepted, key.IsRequired ? "needed" : (preset ?? key.DefaultText) is { Length: > 0 } shown ? $"default {shown}" : ""];
            var known = string.Join("; ", facts.Where(fact => fact.Length > 0));
            text.AppendLine(known.Length > 0 ? $" ({known})" : "");
        }
        foreach (var prefix in schema.Keys.Select(key => key.Prefix).Where(prefix => prefix.Length > 0).Distinct())
        {
            text.Append("  ").Append($"--{prefix}KEY".PadRight(width)).AppendLine("  the keys of gram train, with this prefix");
        }
        if (command.Preset is not null) text.AppendLine().AppendLine("Where no model is named, the embedded help desk runs, with settings of its own (config.yaml of the run has them).");
        return text.ToString();
    }

    private static string Head(OptionKey key) => $"--{key.Name} {key.Kind}";
}
