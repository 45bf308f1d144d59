using System.Text;

namespace Gram.Host.Configuration;

/// <summary>What --help prints.</summary>
internal static class HelpText
{
    /// <summary>A command's help: an example first, then its keys with kind, default, accepted values and meaning.</summary>
    public static string Of(string name, string summary, string example, OptionSchema schema)
    {
        var text = new StringBuilder();
        text.Append("Example:  ").AppendLine(example).AppendLine();
        text.AppendLine(summary).AppendLine();
        text.Append("Usage:  gram ").Append(name).AppendLine(" [FILE.yaml] [--key value …]").AppendLine();
        text.AppendLine("Keys, the same in the YAML file, in the environment (GRAM_KEY) and on the command line (the later one wins):");
        var width = schema.Keys.Max(key => Head(key).Length);
        foreach (var key in schema.Keys)
        {
            text.Append("  ").Append(Head(key).PadRight(width)).Append("  ").Append(key.Description);
            text.Append(" (");
            if (key.Accepted.Length > 0) text.Append(key.Accepted).Append("; ");
            text.Append(key.IsRequired ? "needed" : $"default {(key.DefaultText.Length == 0 ? "none" : key.DefaultText)}").AppendLine(")");
        }
        return text.ToString();
    }

    private static string Head(OptionKey key) => $"--{key.Name} {key.Kind}";
}
