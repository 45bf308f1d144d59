using Gram.Models;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Gram.Host.Configuration;

/// <summary>One stage of a YAML file that is a list: settings of a run that follows the one before.</summary>
/// <param name="Yaml">Its mapping, as a document of its own.</param>
/// <param name="Where">File and number, for messages.</param>
/// <param name="Model">The model that it starts from where its mapping names none: the stage before's; null in the first. Those named outside the file are the first's.</param>
internal sealed record StageText(string Yaml, string Where, string? Model = null);

/// <summary>A YAML file that may be a list of stages.</summary>
internal static class StageFile
{
    /// <summary>The items of a list; null where the file is no list (or is none at all, which is another's to say).</summary>
    /// <exception cref="GramException">The list is empty, or an item is no mapping.</exception>
    public static IReadOnlyList<StageText>? Read(string? file)
    {
        if (file is null || !File.Exists(file)) return null;
        var yaml = new YamlStream();
        try
        {
            using var reader = new StreamReader(file);
            yaml.Load(reader);
        }
        catch (YamlException)
        {
            return null; // read again as a mapping, it gives the error of every command
        }
        if (yaml.Documents is not [{ RootNode: YamlSequenceNode list }]) return null;
        if (list.Children.Count == 0) throw new GramException($"{file}: the list of stages is empty");
        return [.. list.Children.Select((item, i) => new StageText(Text(item, $"{file}, stage {i + 1}"), $"{file}, stage {i + 1}"))];
    }

    private static string Text(YamlNode item, string where)
    {
        if (item is not YamlMappingNode) throw new GramException($"{where}: not a mapping of keys to values");
        using var text = new StringWriter();
        new YamlStream(new YamlDocument(item)).Save(text, assignAnchors: false);
        return text.ToString();
    }
}
