using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.Models.Checkpoints;

/// <summary>A JSON object read from a file, whose accessors say which file and key is wrong.</summary>
internal sealed class JsonFile(JsonObject root, string path)
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>The object itself.</summary>
    public JsonObject Root => root;

    /// <summary>The path, for messages.</summary>
    public string Path => path;

    /// <summary>Reads a file that must be there.</summary>
    public static JsonFile Read(string path)
    {
        if (!File.Exists(path)) throw new GramException($"{path} does not exist: name the directory of a Hugging Face checkpoint");
        try
        {
            return JsonNode.Parse(File.ReadAllText(path), documentOptions: Strict) is JsonObject root
                ? new(root, path)
                : throw new GramException($"{path} is not a JSON object: fetch the file again");
        }
        catch (JsonException error)
        {
            throw new GramException($"{path} is not JSON (line {error.LineNumber + 1}): fetch the file again", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads a file, or nothing where it is absent.</summary>
    public static JsonFile? ReadIfPresent(string path) => File.Exists(path) ? Read(path) : null;

    /// <summary>A nested object, or null where it is absent or null.</summary>
    public JsonFile? Object(string key) => root[key] switch
    {
        null => null,
        JsonObject child => new(child, path),
        var other => throw Wrong(key, other, "an object"),
    };

    /// <summary>A string, or null where it is absent or null.</summary>
    public string? Text(string key) => Value<string>(key, JsonValueKind.String, "a string");

    /// <summary>An integer, or null where it is absent or null.</summary>
    public int? Integer(string key) => root[key] is { } node ? Integer(key, node) : null;

    /// <summary>A number, or null where it is absent or null.</summary>
    public double? Number(string key) => Value<double?>(key, JsonValueKind.Number, "a number");

    /// <summary>True or false, or null where it is absent or null.</summary>
    public bool? Flag(string key) => root[key] switch
    {
        null => null,
        var node when node.GetValueKind() is JsonValueKind.True or JsonValueKind.False => node.GetValue<bool>(),
        var node => throw Wrong(key, node, "true or false"),
    };

    /// <summary>A number or a list of numbers, or null where it is absent or null.</summary>
    public int[]? Integers(string key) => root[key] switch
    {
        null => null,
        JsonArray list => [.. list.Select(node => Integer(key, node))],
        var node => [Integer(key, node)],
    };

    /// <summary>A list of strings, or null where it is absent or null.</summary>
    public string[]? Texts(string key) => root[key] switch
    {
        null => null,
        JsonArray list when list.All(node => node?.GetValueKind() == JsonValueKind.String) => [.. list.Select(node => node!.GetValue<string>())],
        var node => throw Wrong(key, node, "a list of strings"),
    };

    /// <summary>The numbers of a nested object, in its order; empty where it is absent or null.</summary>
    public IEnumerable<KeyValuePair<string, double>> Numbers(string key) =>
        Object(key) is { } file ? file.Root.Select(pair => KeyValuePair.Create(pair.Key, file.Required(pair.Key, file.Number(pair.Key)))) : [];

    /// <summary>The list under a key, or an empty one where it is absent or null.</summary>
    public IEnumerable<JsonFile> Objects(string key) => root[key] switch
    {
        null => [],
        JsonArray list => list.Select(node => node is JsonObject child ? new JsonFile(child, path) : throw Wrong(key, node, "a list of objects")),
        var node => throw Wrong(key, node, "a list"),
    };

    /// <summary>A value that must be there.</summary>
    public T Required<T>(string key, T? value) where T : struct => value ?? throw Missing(key);

    /// <summary>A string that must be there.</summary>
    public string Required(string key, string? value) => value ?? throw Missing(key);

    /// <summary>An error about a key's value.</summary>
    public GramException Wrong(string key, JsonNode? value, string expected)
    {
        var text = value?.ToJsonString() ?? "null";
        return new($"{path}: {key} is {(text.Length <= 80 ? text : text[..80] + "…")}, must be {expected}");
    }

    private GramException Missing(string key) => new($"{path}: {key} is missing");

    private T? Value<T>(string key, JsonValueKind kind, string expected) => root[key] switch
    {
        null => default,
        var node when node.GetValueKind() == kind => node.GetValue<T>(),
        var node => throw Wrong(key, node, expected),
    };

    private int Integer(string key, JsonNode? node) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue<int>(out var number)
            ? number
            : throw Wrong(key, node, "an integer");
}
