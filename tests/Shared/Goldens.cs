using System.Text.Json.Nodes;

namespace Gram.Tests;

/// <summary>Numbers computed by other people's code: GRAMRL_GOLDENS, or ../shared/goldens beside the checkout.</summary>
internal static class Goldens
{
    /// <summary>Value of the Category trait of golden tests.</summary>
    public const string Category = nameof(Goldens);

    /// <summary>The goldens' folder.</summary>
    public static string Root { get; } =
        Environment.GetEnvironmentVariable("GRAMRL_GOLDENS") is { Length: > 0 } root ? Path.GetFullPath(root) : Path.Combine(Repository.Shared, "goldens");

    /// <summary>Rows for a [MemberData] theory: names of sub-folders of a folder that hold a file. One empty name where the goldens are absent, so that the theory can skip.</summary>
    public static IEnumerable<object[]> Folders(string folder, string holding)
    {
        var path = Path.Combine(Root, folder);
        if (!Directory.Exists(path)) return [[""]];
        return Directory.GetDirectories(path)
            .Where(directory => File.Exists(Path.Combine(directory, holding)))
            .Select(directory => Path.GetFileName(directory)!)
            .Order(StringComparer.Ordinal)
            .Select(name => new object[] { name });
    }

    /// <summary>A path under the goldens; skips the test where it is absent.</summary>
    public static string PathOf(params string[] parts)
    {
        var path = Path.Combine([Root, .. parts]);
        Skip.If(parts.Contains("") || !Path.Exists(path), $"{path} is absent: this test needs the goldens (GRAMRL_GOLDENS)");
        return path;
    }

    /// <summary>A JSON file under the goldens; skips the test where it is absent.</summary>
    public static JsonNode Json(params string[] parts) => JsonNode.Parse(File.ReadAllText(PathOf(parts)))!;
}
