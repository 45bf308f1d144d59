using System.Text.Json;
using Gram.Models;
using Gram.Training.Configuration;

namespace Gram.Host.Configuration;

/// <summary>A command line, taken apart: an optional YAML file and keys with their texts.</summary>
/// <param name="File">The YAML file, or null.</param>
/// <param name="Values">Texts by key, in full names.</param>
/// <param name="Help">Whether help was asked for.</param>
internal sealed record CommandArguments(string? File, IReadOnlyDictionary<string, string> Values, bool Help)
{
    /// <summary>Reads <c>[FILE.yaml] --key value --key=value --flag</c>. A flag takes the next word only where that is true or false.</summary>
    /// <param name="words">The words.</param>
    /// <param name="schema">The command's keys.</param>
    /// <param name="wordKey">The key that the first word sets, or all loose words where it is a list, unless they name a YAML file; null = none.</param>
    public static CommandArguments Parse(IReadOnlyList<string> words, OptionSchema schema, string? wordKey = null)
    {
        string? file = null;
        var help = false;
        var takesAll = wordKey is not null && schema.Find(wordKey) is { IsList: true };
        var loose = new List<string>();
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (word is "-h" or "-?" or "--help")
            {
                help = true;
            }
            else if (!word.StartsWith("--", StringComparison.Ordinal) || word.Length == 2)
            {
                if (wordKey is not null && (i == 0 || takesAll) && Path.GetExtension(word).ToUpperInvariant() is not (".YAML" or ".YML"))
                {
                    loose.Add(word);
                    continue;
                }
                if (file is not null) throw new GramException($"unexpected '{word}' after '{file}': keys start with two dashes, and only one file is read");
                file = word;
            }
            else
            {
                var equals = word.IndexOf('=', StringComparison.Ordinal);
                var name = equals < 0 ? word[2..] : word[2..equals];
                var next = i + 1 < words.Count && !words[i + 1].StartsWith("--", StringComparison.Ordinal) ? words[i + 1] : null;
                var key = schema.Find(name);
                if (equals < 0 && key is { IsFlag: true } && next?.ToUpperInvariant() is not ("TRUE" or "FALSE")) next = null;
                if (equals < 0 && next is null && key is { IsFlag: false }) throw new GramException($"--{name} needs a value: {key.Kind}{(key.Accepted.Length > 0 ? $", accepted: {key.Accepted}" : "")}");
                values[schema.Canonical(name)] = equals >= 0 ? word[(equals + 1)..] : next ?? "true";
                if (equals < 0 && next is not null) i++;
            }
        }
        if (loose.Count > 0) values[wordKey!] = takesAll ? JsonSerializer.Serialize(loose) : loose[0];
        return new CommandArguments(file, values, help);
    }
}
