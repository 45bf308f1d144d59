using System.ComponentModel.DataAnnotations;
using Gram.Models;
using Gram.Training.Configuration;
using Microsoft.Extensions.Configuration;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Gram.Host.Configuration;

/// <summary>A command's configuration: defaults, then the YAML file, then the environment (GRAM_KEY), then the command line, checked whole before anything runs.</summary>
internal sealed class Settings
{
    private const string EnvironmentPrefix = "GRAM_", ModelKey = RevisionOptions.NameKey, AdapterKey = "adapter_name_or_path";
    private const string InEnvironment = "environment", OnCommandLine = "command line";

    /// <summary>Data of the preset that no longer fit where the user names other data, by the key that names them.</summary>
    private static readonly Dictionary<string, string> PartOf = new() { ["input"] = "prompt", ["eval_dataset"] = "dataset", ["judge_eval_dataset"] = "judge_dataset", ["reward_model"] = "base_url", [ModelKey] = "generator_url" };

    private readonly OptionSchema schema;
    private readonly Dictionary<string, (IReadOnlyList<string> Texts, string Where)> values = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> given;
    private readonly List<string> notes = [];

    /// <summary>Loads and checks the keys.</summary>
    /// <param name="schema">The command's keys.</param>
    /// <param name="arguments">Its command line.</param>
    /// <param name="preset">Values below the user's: those of the embedded demo, where no model of the user's own is named.</param>
    /// <param name="stage">The part of the file that holds; null: all of it.</param>
    /// <exception cref="GramException">A key is unknown, or its value is not accepted.</exception>
    public Settings(OptionSchema schema, CommandArguments arguments, IReadOnlyDictionary<string, string>? preset = null, StageText? stage = null)
    {
        this.schema = schema;
        if (stage is not null) Read(Yaml(stage), stage.Where);
        else if (arguments.File is { } file) Read(Yaml(file), file);
        Read(InMemory(FromEnvironment().Where(Holds)), InEnvironment);
        Read(InMemory(arguments.Values.Where(Holds)), OnCommandLine);
        given = new(values.Keys, StringComparer.OrdinalIgnoreCase);
        if (stage?.Model is { } before && !given.Contains(ModelKey)) Set(ModelKey, before);
        var ownModel = values.TryGetValue(ModelKey, out var model) && model.Texts is not [DemoName.Text];
        if (preset is not null && !ownModel) Read(InMemory(preset.Where(pair => !values.ContainsKey(pair.Key) && !GoesWithout(pair.Key))), "demo");
        if (schema.Keys.FirstOrDefault(key => key.IsRequired && key.Prefix.Length == 0 && Value(key) is null or "" or Array { Length: 0 }) is { } missing)
        {
            throw new GramException($"--{missing.Name} is needed: {missing.Description}");
        }

        // The model outside the file, and the adapter over it, are the first stage's.
        bool Holds(KeyValuePair<string, string> pair) => stage?.Model is null || pair.Key is not (ModelKey or AdapterKey);

        bool GoesWithout(string key) => PartOf.TryGetValue(key, out var whole) && values.TryGetValue(whole, out var own) && (own.Texts is not [var text] || text != preset.GetValueOrDefault(whole));
    }

    /// <summary>Lines about keys that were accepted without effect.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>Whether the user set a key.</summary>
    public bool IsGiven(string key) => given.Contains(schema.Canonical(key));

    /// <summary>Whether a key was set outside the file.</summary>
    public bool IsOverridden(string key) => values.TryGetValue(schema.Canonical(key), out var value) && value.Where is InEnvironment or OnCommandLine;

    /// <summary>An options record with its keys bound and validated.</summary>
    public T Get<T>(string prefix = "") => (T)Get(new OptionRecord(typeof(T), prefix));

    /// <summary>An options record with its keys bound and validated; one with a prefix is a part that its command completes, so only its values are checked.</summary>
    public object Get(OptionRecord options)
    {
        var record = OptionSchema.Bind(options, key => (values.ContainsKey(key.Name), Value(key)));
        if (options.Prefix.Length > 0) return record;
        var results = new List<ValidationResult>();
        return Validator.TryValidateObject(record, new ValidationContext(record), results, validateAllProperties: false)
            ? record
            : throw new GramException(string.Join("; ", results.Select(result => result.ErrorMessage)));
    }

    /// <summary>Settles a key that the command works out itself.</summary>
    public void Set(string key, string value) => values[schema.Canonical(key)] = ([value], "command");

    /// <summary>Every key with the value that the run uses, as a YAML file that repeats it.</summary>
    public string ToYaml() => new SerializerBuilder().Build().Serialize(schema.Keys.ToDictionary(key => key.Name, key => Plain(Value(key)) ?? (key.Default is null ? null : "none")));

    private object? Value(OptionKey key) => values.TryGetValue(key.Name, out var set) ? OptionValue.Parse(key, set.Texts, set.Where) : key.Default;

    private static object? Plain(object? value) => value switch
    {
        null or string or bool or int or long or ulong or double => value,
        System.Collections.IEnumerable items => items.Cast<object>().Select(Plain).ToList(),
        _ => OptionKey.Text(value),
    };

    private void Read(IConfigurationRoot source, string where)
    {
        foreach (var (key, texts) in schema.Read(source, where, Other)) values[key.Name] = (texts, where);

        void Other(string name, string text)
        {
            if (!schema.AcceptsLlamaFactory || !LlamaFactoryKeys.TryAccept(name, text, where, out var note)) throw schema.Unknown(name, where, schema.AcceptsLlamaFactory ? LlamaFactoryKeys.Names : [], " (--help lists all)");
            if (note is not null) notes.Add(note);
        }
    }

    private static IConfigurationRoot Yaml(string file)
    {
        if (!File.Exists(file)) throw new GramException($"{file}: no such file; the first argument is a YAML file of keys");
        return Yaml(builder => builder.AddYamlFile(Path.GetFullPath(file), optional: false), file);
    }

    private static IConfigurationRoot Yaml(StageText stage)
    {
        using var text = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(stage.Yaml));
        return Yaml(builder => builder.AddYamlStream(text), stage.Where);
    }

    private static IConfigurationRoot Yaml(Func<IConfigurationBuilder, IConfigurationBuilder> add, string file)
    {
        try
        {
            return add(new ConfigurationBuilder()).Build();
        }
        catch (Exception error) when (error is InvalidDataException or FormatException or YamlException or InvalidCastException or UnauthorizedAccessException or IOException)
        {
            var cause = error.GetBaseException();
            var place = cause is YamlException { Start.Line: > 0 } yaml ? $", line {yaml.Start.Line}" : "";
            throw new GramException($"{file}{place}: not a YAML mapping of keys to values: {cause.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private static IConfigurationRoot InMemory(IEnumerable<KeyValuePair<string, string>> pairs) =>
        new ConfigurationBuilder().AddInMemoryCollection(pairs.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value))).Build();

    private IEnumerable<KeyValuePair<string, string>> FromEnvironment() =>
        from key in schema.Keys
        let text = Environment.GetEnvironmentVariable(EnvironmentPrefix + key.Name.ToUpperInvariant())
        where text is not null
        select KeyValuePair.Create(key.Name, text);
}
