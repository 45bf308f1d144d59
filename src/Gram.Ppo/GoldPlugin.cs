using Gram.Models;
using Gram.Training.Plugins;

namespace Gram.Ppo;

/// <summary>A gold measure of one's own, from an assembly: its public class that implements <see cref="IGoldMeasure"/>.</summary>
public static class GoldPlugin
{
    /// <summary>The key that names the assembly.</summary>
    public const string Key = "gold_plugin";

    /// <summary>The measure; null where no assembly is named.</summary>
    /// <param name="path">The assembly's file, or null.</param>
    /// <exception cref="GramException">The assembly cannot be loaded, or has not exactly one such class that can be made without arguments.</exception>
    public static IGoldMeasure? Load(string? path)
    {
        if (path is null) return null;
        var measures = PluginAssembly.Create(path, Key, typeof(IGoldMeasure).FullName!, typeof(IGoldMeasure).IsAssignableFrom);
        return measures is [IGoldMeasure only] ? only
            : throw new GramException($"{Key}: {path} has {measures.Count} gold measures ({string.Join(", ", measures.Select(measure => measure.GetType().Name))}): a run has one; leave one public");
    }
}
