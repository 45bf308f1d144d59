using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;

namespace Gram.Reward.Data;

/// <summary>How a data set's rows are laid out (LLaMA-Factory's formatting).</summary>
public enum DatasetFormat
{
    /// <summary>instruction, input, output.</summary>
    Alpaca,
    /// <summary>A list of turns.</summary>
    ShareGpt,
    /// <summary>This project's own rows: prompt or messages, with chosen and rejected in a ranking set.</summary>
    Prompts,
}

/// <summary>Names of the fields of a data set; null = there is none.</summary>
public sealed record DatasetColumns
{
    /// <summary>alpaca: the instruction.</summary>
    public string? Prompt { get; init; }
    /// <summary>alpaca: what follows the instruction.</summary>
    public string? Query { get; init; }
    /// <summary>alpaca: the answer.</summary>
    public string? Response { get; init; }
    /// <summary>alpaca: earlier turns, a list of [user, assistant].</summary>
    public string? History { get; init; }
    /// <summary>The system message.</summary>
    public string? System { get; init; }
    /// <summary>sharegpt: the turns.</summary>
    public string? Messages { get; init; }
    /// <summary>The preferred answer of a ranking set.</summary>
    public string? Chosen { get; init; }
    /// <summary>The other answer of a ranking set.</summary>
    public string? Rejected { get; init; }
}

/// <summary>Names inside the turns of a sharegpt set; null = there is none.</summary>
public sealed record DatasetTags
{
    /// <summary>Field that holds the role.</summary>
    public string Role { get; init; } = "from";
    /// <summary>Field that holds the text.</summary>
    public string Content { get; init; } = "value";
    /// <summary>Role of the user.</summary>
    public string User { get; init; } = "human";
    /// <summary>Role of the assistant.</summary>
    public string Assistant { get; init; } = "gpt";
    /// <summary>Role of a leading system turn.</summary>
    public string? System { get; init; } = "system";
}

/// <summary>A data set: its file and how its rows are laid out; an entry of dataset_info.json, or a bare file.</summary>
/// <param name="Name">Its name, for messages.</param>
/// <param name="File">Its file.</param>
/// <param name="Format">Layout; null = told by each row's fields.</param>
/// <param name="Ranking">Whether rows hold a chosen and a rejected answer; null = told by each row's fields.</param>
/// <param name="Columns">Names of fields.</param>
/// <param name="Tags">Names inside turns.</param>
public sealed record DatasetInfo(string Name, string File, DatasetFormat? Format, bool? Ranking, DatasetColumns Columns, DatasetTags Tags)
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] KnownKeys = ["file_name", "formatting", "ranking", "columns", "tags"];
    private static readonly string[] KnownColumns = ["prompt", "query", "response", "history", "system", "messages", "chosen", "rejected"];
    private static readonly string[] KnownTags = ["role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag", "observation_tag", "function_tag"];

    private const string RegistryName = "dataset_info.json";

    /// <summary>LLaMA-Factory's names where an entry has no columns of its own.</summary>
    public static DatasetColumns DefaultColumns { get; } = new()
    {
        Prompt = "instruction", Query = "input", Response = "output", Messages = "conversations", Chosen = "chosen", Rejected = "rejected",
    };

    /// <summary>A data set by its name in dataset_info.json of a folder, or by its file (looked for as given, then in the folder).</summary>
    /// <exception cref="GramException">It is neither; the message lists the registered names.</exception>
    public static DatasetInfo Find(string name, string datasetDir)
    {
        var registry = Path.Combine(datasetDir, RegistryName);
        var entries = System.IO.File.Exists(registry) ? ReadRegistry(registry) : null;
        if (entries?[name] is { } entry) return Parse(name, entry as JsonObject ?? throw Bad(registry, name, "must be an object"), datasetDir, registry);
        if (name == "-") return Bare(name);
        foreach (var file in new[] { name, Path.Combine(datasetDir, name) })
            if (System.IO.File.Exists(file)) return Bare(file);
        throw new GramException(entries is null
            ? $"data set {name}: no such file, and {datasetDir} has no dataset_info.json (set dataset_dir)"
            : $"data set {name} is neither a file nor a name in {registry} (known: {string.Join(", ", entries.Select(pair => pair.Key))})");
    }

    /// <summary>Writes entries into a folder's dataset_info.json, beside those of other names; null takes one out.</summary>
    /// <exception cref="GramException">The file that is there is broken, or cannot be written.</exception>
    public static void Register(string folder, IReadOnlyDictionary<string, JsonObject?> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var path = Path.Combine(folder, RegistryName);
        var all = System.IO.File.Exists(path) ? ReadRegistry(path) : [];
        foreach (var (name, entry) in entries)
        {
            if (entry is null) all.Remove(name);
            else all[name] = entry;
        }
        AtomicFile.WriteText(path, all.ToJsonString(Readable) + "\n");
    }

    /// <summary>An entry of dataset_info.json. Its columns or tags replace all defaults, as in LLaMA-Factory.</summary>
    /// <exception cref="GramException">The entry has a wrong key or value.</exception>
    public static DatasetInfo Parse(string name, JsonObject entry, string datasetDir, string registry = RegistryName)
    {
        foreach (var (key, _) in entry)
            if (!KnownKeys.Contains(key)) throw Bad(registry, name, $"has the key {key}; known are {string.Join(", ", KnownKeys)} (data come from files here)");
        var format = Text(entry, "formatting") switch
        {
            null or "alpaca" => DatasetFormat.Alpaca,
            "sharegpt" => DatasetFormat.ShareGpt,
            var other => throw Bad(registry, name, $"has formatting {other}; alpaca and sharegpt are known"),
        };
        if (entry["ranking"] is { } flag && flag.GetValueKind() is not (JsonValueKind.True or JsonValueKind.False)) throw Bad(registry, name, "has a ranking that is neither true nor false");
        return new(name, Path.Combine(datasetDir, Text(entry, "file_name") ?? throw Bad(registry, name, "has no file_name")), format,
            entry["ranking"]?.GetValue<bool>() ?? false, ParseColumns(), ParseTags());

        DatasetColumns ParseColumns()
        {
            if (Part("columns", KnownColumns) is not { } columns) return DefaultColumns;
            return new()
            {
                Prompt = Text(columns, "prompt"), Query = Text(columns, "query"), Response = Text(columns, "response"), History = Text(columns, "history"),
                System = Text(columns, "system"), Messages = Text(columns, "messages"), Chosen = Text(columns, "chosen"), Rejected = Text(columns, "rejected"),
            };
        }

        DatasetTags ParseTags()
        {
            if (Part("tags", KnownTags) is not { } tags) return new();
            return new()
            {
                Role = Text(tags, "role_tag") ?? throw Bad(registry, name, "has tags without role_tag"),
                Content = Text(tags, "content_tag") ?? throw Bad(registry, name, "has tags without content_tag"),
                User = Text(tags, "user_tag") ?? throw Bad(registry, name, "has tags without user_tag"),
                Assistant = Text(tags, "assistant_tag") ?? throw Bad(registry, name, "has tags without assistant_tag"),
                System = Text(tags, "system_tag"),
            };
        }

        JsonObject? Part(string key, string[] known)
        {
            if (entry[key] is not { } node) return null;
            var part = node as JsonObject ?? throw Bad(registry, name, $"has {key} that are no object");
            foreach (var (inner, _) in part)
                if (!known.Contains(inner)) throw Bad(registry, name, $"has {inner} in {key}; known are {string.Join(", ", known)}");
            return part;
        }

        string? Text(JsonObject of, string key) => of[key] is not { } node ? null
            : node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>()
            : throw Bad(registry, name, $"has a {key} that is no text");
    }

    private static DatasetInfo Bare(string file) => new(file, file, null, null, DefaultColumns, new());

    private static JsonObject ReadRegistry(string path)
    {
        try
        {
            return JsonNode.Parse(System.IO.File.ReadAllText(path)) as JsonObject ?? throw new GramException($"{path} must be an object of data sets by name");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be read: {error.Message}", error);
        }
    }

    private static GramException Bad(string registry, string name, string problem) => new($"{registry}: data set {name} {problem}");
}
