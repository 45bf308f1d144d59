using System.ComponentModel.DataAnnotations;
using Gram.Models;
using Microsoft.Extensions.Configuration;

namespace Gram.Training.Configuration;

/// <summary>Options records from a section of an application's configuration: the keys, values and messages are those of the program's YAML files.</summary>
public static class OptionSection
{
    /// <summary>A record with the section's values. They are checked one by one; <see cref="Problems"/> are what does not go together.</summary>
    /// <param name="section">The section.</param>
    /// <param name="beside">Other records whose keys stand in it.</param>
    /// <exception cref="GramException">A key is unknown, or its value is not accepted.</exception>
    public static T Get<T>(IConfiguration section, params Type[] beside) where T : class, new()
    {
        var where = section is IConfigurationSection { Path: var path } ? path : "configuration";
        var schema = new OptionSchema([typeof(T), .. beside.Select(OptionRecord.FromType)]);
        var values = schema.Read(section, where, (name, _) => throw schema.Unknown(name, where, [], "")).ToDictionary(set => set.Key.Name, set => set.Texts);
        return (T)OptionSchema.Bind(typeof(T), key => values.TryGetValue(key.Name, out var texts) ? (true, OptionValue.Parse(key, texts, where)) : (false, null));
    }

    /// <summary>What does not go together in a record; empty: nothing.</summary>
    public static IReadOnlyList<string> Problems(object options)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        return [.. results.Select(result => result.ErrorMessage!)];
    }
}
