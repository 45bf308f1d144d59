using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Gram.Models;

namespace Gram.Training.Configuration;

/// <summary>Turns the texts of a key into its values, or says what is wrong with them.</summary>
public static class OptionValue
{
    /// <summary>The value that a key's texts write: one text for a scalar (or a list in one line), several for a list's items.</summary>
    /// <exception cref="GramException">The text is of another kind, or out of range.</exception>
    public static object? Parse(OptionKey key, IReadOnlyList<string> texts, string where)
    {
        if (!key.IsList) return key.IsNullable && IsNone(string.Join(",", texts)) ? null : Convert(key, string.Join(",", texts), where);
        var items = texts.Count == 1 ? Split(texts[0], key, where) : texts;
        var values = Array.CreateInstance(key.ItemType, items.Count);
        for (var i = 0; i < items.Count; i++) values.SetValue(Convert(key, items[i], where), i);
        return values;
    }

    /// <summary>RoundRobin → round_robin.</summary>
    public static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }

    private static string[] Split(string text, OptionKey key, string where)
    {
        // One item is taken as it stands: of a stop string the white space counts.
        if (!text.TrimStart().StartsWith('[')) return text.Length > 0 && !text.Contains(',', StringComparison.Ordinal) ? [text] : text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        try
        {
            return [.. JsonDocument.Parse(text).RootElement.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText())];
        }
        catch (JsonException error)
        {
            throw new GramException($"{where}: '{key.Name}' is not a list: {text}; write a,b or [\"a\",\"b\"]", error);
        }
    }

    private static object Convert(OptionKey key, string text, string where)
    {
        object? value = key.ItemType switch
        {
            var type when type == typeof(string) => text,
            var type when type == typeof(bool) => Flag(text),
            var type when type == typeof(double) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null,
            var type when type == typeof(ulong) => ulong.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null,
            var type when type == typeof(long) => long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null,
            var type when type == typeof(int) => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null,
            { IsEnum: true } type => Array.Find(Enum.GetNames(type), name => Same(name, text) || Same(SnakeCase(name), text)) is { } name ? Enum.Parse(type, name) : null,
            var type => throw new NotSupportedException($"{key.Property.DeclaringType}.{key.Property.Name}: keys of type {type} are not known"),
        };
        if (key.ItemType == typeof(string) && key.Allowed.Count > 0) value = key.Allowed.FirstOrDefault(allowed => Same(allowed, text));
        if (value is null) throw Wrong(key.Allowed.Count > 0 ? "is none of its values" : $"is not {Noun(key)}");
        if (key.Range is { } range && !range.IsValid(value)) throw Wrong("is out of range");
        if (key.Property.GetCustomAttributes<ValidationAttribute>().FirstOrDefault(rule => rule is not RequiredAttribute && !rule.IsValid(value)) is { } broken)
        {
            throw new GramException($"{where}: {broken.FormatErrorMessage(key.Name)}; got {text}");
        }
        return value;

        GramException Wrong(string what) =>
            new($"{where}: '{key.Name}' {what}: {text}{(key.Accepted.Length > 0 ? $"; accepted: {key.Accepted}" : "")}{(key.DefaultText.Length > 0 ? $" (default {key.DefaultText})" : "")}");
    }

    private static string Noun(OptionKey key) =>
        key.ItemType == typeof(bool) ? "true or false" : key.ItemType == typeof(double) ? "a number" : "an integer";

    private static bool IsNone(string text) => text.ToUpperInvariant() is "NONE" or "NULL" or "";

    private static object? Flag(string text) => text.ToUpperInvariant() switch
    {
        "TRUE" or "YES" or "ON" or "1" => true,
        "FALSE" or "NO" or "OFF" or "0" => false,
        _ => null,
    };

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
}
