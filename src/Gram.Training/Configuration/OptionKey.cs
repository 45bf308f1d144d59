using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Gram.Training.Configuration;

/// <summary>One configuration key, as its property's attributes describe it.</summary>
/// <param name="Name">The key in YAML and, with two dashes, on the command line.</param>
/// <param name="Property">The property that it sets.</param>
/// <param name="Default">The property's value when nothing sets it.</param>
/// <param name="Prefix">The part of the name that its record's place in the command gives it.</param>
public sealed record OptionKey(string Name, PropertyInfo Property, object? Default, string Prefix = "")
{
    /// <summary>What it means, in words.</summary>
    public string Description => Property.GetCustomAttribute<DescriptionAttribute>()?.Description ?? "";

    /// <summary>The numbers that it accepts; null: any.</summary>
    public RangeAttribute? Range => Property.GetCustomAttribute<RangeAttribute>();

    /// <summary>The values of a closed set; empty: any of its kind.</summary>
    public IReadOnlyList<string> Allowed =>
        Property.GetCustomAttribute<AllowedValuesAttribute>() is { } allowed ? [.. allowed.Values.Where(value => value is not null).Select(value => Text(value)!)]
        : ItemType.IsEnum ? [.. Enum.GetNames(ItemType).Select(OptionValue.SnakeCase)]
        : [];

    /// <summary>Whether it must be set.</summary>
    public bool IsRequired => Property.GetCustomAttribute<RequiredAttribute>() is not null;

    /// <summary>Whether it is true or false.</summary>
    public bool IsFlag => ItemType == typeof(bool);

    /// <summary>Whether it holds several values.</summary>
    public bool IsList => ElementType(Property.PropertyType) is not null;

    /// <summary>Whether it can have no value.</summary>
    public bool IsNullable => Nullable.GetUnderlyingType(Property.PropertyType) is not null;

    /// <summary>The type of the value, or of a list's items, without its nullability.</summary>
    public Type ItemType
    {
        get
        {
            var type = ElementType(Property.PropertyType) ?? Property.PropertyType;
            return Nullable.GetUnderlyingType(type) ?? type;
        }
    }

    /// <summary>The kind of value, in a word.</summary>
    public string Kind
    {
        get
        {
            var kind = ItemType == typeof(bool) ? "true|false"
                : ItemType.IsEnum ? "name"
                : ItemType == typeof(string) ? "text"
                : ItemType == typeof(double) ? "number"
                : "integer";
            return IsList ? $"{kind},…" : kind;
        }
    }

    /// <summary>The accepted values, in words; empty where any value of the kind is accepted.</summary>
    public string Accepted
    {
        get
        {
            if (Allowed.Count > 0) return string.Join(", ", Allowed);
            if (Range is not { } range) return "";
            var (low, high) = (Text(range.Minimum), Text(range.Maximum));
            var below = range.MinimumIsExclusive ? $"above {low}" : $"{low}";
            var unbounded = Convert.ToDouble(range.Maximum, CultureInfo.InvariantCulture) >= int.MaxValue;
            return unbounded
                ? range.MinimumIsExclusive ? below : $"{low} or more"
                : range.MinimumIsExclusive ? $"{below}, {(range.MaximumIsExclusive ? "below" : "at most")} {high}" : $"{low} to {(range.MaximumIsExclusive ? "below " : "")}{high}";
        }
    }

    /// <summary>The default as it would be written; empty where there is none.</summary>
    public string DefaultText => Text(Default) ?? "";

    /// <summary>A value as YAML and the command line write it; null for no value.</summary>
    public static string? Text(object? value) => value switch
    {
        null => null,
        string text => text,
        bool flag => flag ? "true" : "false",
        Enum name => OptionValue.SnakeCase(name.ToString()),
        IEnumerable<string> items when items.Any(item => item != item.Trim() || item.Contains(',', StringComparison.Ordinal)) => JsonSerializer.Serialize(items),
        System.Collections.IEnumerable items => string.Join(",", items.Cast<object>().Select(Text)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static Type? ElementType(Type type) =>
        type.IsArray ? type.GetElementType()
        : type.IsGenericType && typeof(System.Collections.IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[0]
        : null;
}
