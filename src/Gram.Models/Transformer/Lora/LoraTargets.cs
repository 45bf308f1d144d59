using System.Text.RegularExpressions;

namespace Gram.Models.Transformer.Lora;

/// <summary>Which modules get an adapter, by PEFT's rules (tuners_utils.check_target_module_exists): names, of which a module's must be or end in one, or a pattern that its whole name must match.</summary>
/// <param name="Names">Module names or their last parts; empty where there is a pattern.</param>
/// <param name="Pattern">A regular expression, or null.</param>
public sealed record LoraTargets(IReadOnlyList<string> Names, string? Pattern = null)
{
    private const string AllLinearPattern = "all-linear";

    /// <summary>Every linear layer of the blocks (the head is none).</summary>
    public static LoraTargets AllLinear { get; } = new([], AllLinearPattern);

    /// <summary>Whether this is PEFT's all-linear.</summary>
    public bool IsAllLinear => string.Equals(Pattern, AllLinearPattern, StringComparison.OrdinalIgnoreCase);

    /// <summary>Those of a model's modules that are targeted, in its order.</summary>
    /// <param name="modules">Names of the model's modules that have weights.</param>
    /// <param name="where">What names the targets, for errors.</param>
    /// <exception cref="GramException">A name or the pattern is that of no module, or not a regular expression.</exception>
    internal IReadOnlyList<string> Of(IReadOnlyList<string> modules, string where)
    {
        if (IsAllLinear) return [.. modules.Where(module => module.EndsWith("_proj", StringComparison.Ordinal))];
        if (Pattern is not null)
        {
            var regex = Regex(Pattern, where);
            string[] matched = [.. modules.Where(module => regex.IsMatch(module))];
            return matched.Length > 0 ? matched : throw new GramException($"{where}: target_modules matches no module of the base model: {Pattern}");
        }
        if (Names.Count == 0) throw new GramException($"{where}: target_modules is empty: name modules (q_proj, v_proj) or all-linear");
        if (Names.FirstOrDefault(name => !modules.Any(module => IsOf(module, name))) is { } unknown)
        {
            var known = modules.Select(module => module[(module.LastIndexOf('.') + 1)..]).Where(name => name.EndsWith("_proj", StringComparison.Ordinal)).Distinct();
            throw new GramException($"{where}: target_modules names {unknown}, which the base model does not have (it has {string.Join(", ", known)})");
        }
        return [.. modules.Where(module => Names.Any(name => IsOf(module, name)))];
    }

    /// <summary>The value that a pattern of rank_pattern or alpha_pattern gives a module, the first that fits (peft.utils.other.get_pattern_key); null where none does.</summary>
    internal static double? ByPattern(IEnumerable<KeyValuePair<string, double>> patterns, string module, string where)
    {
        foreach (var (pattern, value) in patterns)
        {
            if (Regex($"(.*\\.)?({pattern})", where).IsMatch(module)) return value;
        }
        return null;
    }

    private static bool IsOf(string module, string name) => module == name || module.EndsWith("." + name, StringComparison.Ordinal);

    private static Regex Regex(string pattern, string where)
    {
        try
        {
            return new Regex($@"\A(?:{pattern})\z", RegexOptions.CultureInvariant);
        }
        catch (ArgumentException error)
        {
            throw new GramException($"{where}: {pattern} is not a regular expression: {error.Message}", error);
        }
    }
}
