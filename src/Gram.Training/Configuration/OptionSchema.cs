using System.Collections;
using System.Reflection;
using System.Text.Json;
using Gram.Models;
using Microsoft.Extensions.Configuration;

namespace Gram.Training.Configuration;

/// <summary>An options record of a command. Its keys carry the prefix, so that one record can serve two parts of a command.</summary>
/// <param name="Type">The record.</param>
/// <param name="Prefix">What its keys begin with.</param>
/// <param name="Settled">Keys, without prefix, that the command itself settles: they are not the user's.</param>
public sealed record OptionRecord(Type Type, string Prefix = "", params string[] Settled)
{
    /// <summary>A record without a prefix.</summary>
    public static implicit operator OptionRecord(Type type) => FromType(type);

    /// <summary>A record without a prefix.</summary>
    public static OptionRecord FromType(Type type) => new(type);
}

/// <summary>The keys of a command: those of its options records, read from their attributes.</summary>
public sealed class OptionSchema
{
    /// <summary>Short forms of keys.</summary>
    private static readonly Dictionary<string, string> Aliases = new(StringComparer.OrdinalIgnoreCase) { ["model"] = "model_name_or_path" };

    private readonly Dictionary<string, List<OptionKey>> byName = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads the records' keys; where two records share a key, both get its value and the first one's words describe it.</summary>
    public OptionSchema(IEnumerable<OptionRecord> records, bool acceptsLlamaFactory = false)
    {
        AcceptsLlamaFactory = acceptsLlamaFactory;
        foreach (var key in records.SelectMany(record => KeysOf(record)))
        {
            if (byName.TryGetValue(key.Name, out var keys)) keys.Add(key);
            else byName.Add(key.Name, [key]);
        }
    }

    /// <summary>The keys, in the records' order.</summary>
    public IEnumerable<OptionKey> Keys => byName.Values.Select(keys => keys[0]);

    /// <summary>Short forms of keys that are there.</summary>
    public IEnumerable<(string Name, OptionKey Key)> ShortForms => Aliases.Where(alias => byName.ContainsKey(alias.Value)).Select(alias => (alias.Key, byName[alias.Value][0]));

    /// <summary>Whether LLaMA-Factory's keys without effect here are accepted, with a note.</summary>
    public bool AcceptsLlamaFactory { get; }

    /// <summary>A key by its name or short form, or null.</summary>
    public OptionKey? Find(string name) => All(name) is [var first, ..] ? first : null;

    /// <summary>A key as each of its records has it.</summary>
    public IReadOnlyList<OptionKey> All(string name) => byName.GetValueOrDefault(Canonical(name)) ?? [];

    /// <summary>The key that a name or short form stands for.</summary>
    public string Canonical(string name) => Aliases.TryGetValue(name, out var full) && byName.ContainsKey(full) ? full : name;

    /// <summary>The keys of one options record, those of records inside it included.</summary>
    public static IEnumerable<OptionKey> KeysOf(OptionRecord record) => KeysOf(record, Activator.CreateInstance(record.Type)!);

    /// <summary>The same, with another's values in place of the defaults.</summary>
    public static IEnumerable<OptionKey> KeysOf(OptionRecord record, object values) =>
        KeysOf(values, record.Prefix).Where(key => !record.Settled.Contains(key.Name[record.Prefix.Length..]));

    /// <summary>The texts of the keys that a source sets, one or a list's several; they are checked.</summary>
    /// <param name="source">A YAML file, a section of an application's configuration.</param>
    /// <param name="where">The source, for messages.</param>
    /// <param name="other">Told of what is no key, with its text.</param>
    /// <exception cref="GramException">A value is not accepted, or is a mapping.</exception>
    public IEnumerable<(OptionKey Key, IReadOnlyList<string> Texts)> Read(IConfiguration source, string where, Action<string, string> other)
    {
        foreach (var section in source.GetChildren())
        {
            IReadOnlyList<string> texts = section.Value is { } text ? [text]
                : [.. section.GetChildren().Select(item => item.Value ?? throw new GramException($"{where}: '{section.Key}' holds a mapping; a value or a list of values is expected"))];
            if (All(section.Key) is not [var key, ..] keys)
            {
                other(section.Key, string.Join(",", texts));
                continue;
            }
            // A list of one item is not that item's text, in which commas would part it.
            if (key.IsList && section.Value is null && texts is [var item]) texts = [JsonSerializer.Serialize(new[] { item })];
            if (texts is [] or [""] && !(key.IsList || key.Default is string)) continue; // "key:" in YAML sets nothing
            foreach (var each in keys) OptionValue.Parse(each, texts, where);
            yield return (key, texts);
        }
    }

    /// <summary>What is said of a name that is no key.</summary>
    /// <param name="name">The name.</param>
    /// <param name="where">Where it stands.</param>
    /// <param name="others">Other names that are accepted there.</param>
    /// <param name="hint">Where all keys are listed.</param>
    public GramException Unknown(string name, string where, IEnumerable<string> others, string hint) =>
        new($"{where}: unknown key '{name}'; the nearest known one is '{NearestName.Of(name, Keys.Select(key => key.Name).Concat(others))}'{hint}");

    /// <summary>Fills an options record: <paramref name="value"/> gives (true, value) for the keys that are set.</summary>
    public static object Bind(OptionRecord options, Func<OptionKey, (bool Set, object? Value)> value)
    {
        var record = Activator.CreateInstance(options.Type)!;
        Fill(record, options.Prefix, value);
        return record;
    }

    private static void Fill(object record, string prefix, Func<OptionKey, (bool Set, object? Value)> value)
    {
        foreach (var property in Properties(record.GetType()))
        {
            if (KeyName(property) is { } name)
            {
                if (value(new OptionKey(prefix + name, property, property.GetValue(record), prefix)) is (true, var set)) property.SetValue(record, set);
            }
            else if (IsRecord(property))
            {
                // A copy: the default may be shared.
                var inner = Activator.CreateInstance(property.PropertyType)!;
                foreach (var copied in Properties(property.PropertyType)) copied.SetValue(inner, copied.GetValue(property.GetValue(record) ?? inner));
                Fill(inner, prefix, value);
                property.SetValue(record, inner);
            }
        }
    }

    private static IEnumerable<OptionKey> KeysOf(object record, string prefix) =>
        from property in Properties(record.GetType())
        from key in KeyName(property) is { } name ? [new OptionKey(prefix + name, property, property.GetValue(record), prefix)]
            : IsRecord(property) ? KeysOf(property.GetValue(record) ?? Activator.CreateInstance(property.PropertyType)!, prefix)
            : Enumerable.Empty<OptionKey>()
        select key;

    private static IEnumerable<PropertyInfo> Properties(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    private static string? KeyName(PropertyInfo property) => property.GetCustomAttribute<ConfigurationKeyNameAttribute>()?.Name;

    private static bool IsRecord(PropertyInfo property) =>
        property.PropertyType is { IsClass: true, IsAbstract: false } type && type != typeof(string) && !typeof(IEnumerable).IsAssignableFrom(type)
        && type.GetConstructor(Type.EmptyTypes) is not null;
}
