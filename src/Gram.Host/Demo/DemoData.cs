using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;

namespace Gram.Host.Demo;

/// <summary>Writes the world's rows as the data sets that training reads: JSON files and their dataset_info.json.</summary>
internal static class DemoData
{
    /// <summary>Messages with one reply each, for pretraining the policy.</summary>
    public const string Replies = "demo_replies";
    /// <summary>Pairs of replies with noisy labels, for both stages of the judge (the first does not look at the label).</summary>
    public const string Pairs = "demo_pairs";
    /// <summary>Pairs on messages that neither stage saw, labelled by the gold rule without noise.</summary>
    public const string HeldOutPairs = "demo_pairs_held_out";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes one data set of replies (alpaca rows).</summary>
    public static void WriteReplies(string directory, IEnumerable<(string Message, string Reply)> replies) =>
        Write(directory, Replies, new JsonObject(), replies.Select(row => new JsonObject { ["instruction"] = row.Message, ["input"] = "", ["output"] = row.Reply }));

    /// <summary>Writes one data set of pairs (ranking rows).</summary>
    public static void WritePairs(string directory, string name, IEnumerable<LabelledPair> pairs)
    {
        var entry = new JsonObject
        {
            ["ranking"] = true,
            ["columns"] = new JsonObject { ["prompt"] = "prompt", ["chosen"] = "chosen", ["rejected"] = "rejected" },
        };
        Write(directory, name, entry, pairs.Select(pair => new JsonObject { ["prompt"] = pair.Message, ["chosen"] = pair.Chosen, ["rejected"] = pair.Rejected }));
    }

    /// <summary>Writes rows and registers them in the folder's dataset_info.json.</summary>
    private static void Write(string directory, string name, JsonObject entry, IEnumerable<JsonObject> rows)
    {
        AtomicFile.WriteText(Path.Combine(directory, $"{name}.json"), new JsonArray([.. rows]).ToJsonString(Indented));
        var registry = Path.Combine(directory, "dataset_info.json");
        var entries = File.Exists(registry) ? JsonNode.Parse(File.ReadAllText(registry))!.AsObject() : [];
        entry["file_name"] = $"{name}.json";
        entries[name] = entry;
        AtomicFile.WriteText(registry, entries.ToJsonString(Indented));
    }
}
