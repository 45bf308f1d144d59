using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;

namespace Gram.BestOfN;

/// <summary>A prompt, its answers, and how they came out.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Answers">Its answers.</param>
/// <param name="Result">Their tournament's outcome.</param>
public sealed record RankedAnswers(Prompt Prompt, IReadOnlyList<string> Answers, TournamentResult Result)
{
    /// <summary>The best answer.</summary>
    public string Best => Answers[Result.Best];

    /// <summary>The last of the ranking.</summary>
    public string Worst => Answers[Result.Ranking[^1]];
}

/// <summary>How many rows were written, and how many prompts were left out of them.</summary>
/// <param name="Supervised">Rows of best answers.</param>
/// <param name="Preferences">Pairs of a best and a worst answer.</param>
/// <param name="Alike">Prompts whose answers are all the same: they make no pair.</param>
/// <param name="Broken">Conversations whose turns do not alternate, which neither set can hold.</param>
public sealed record DistilledSets(int Supervised, int Preferences, int Alike, int Broken);

/// <summary>
/// Training sets of what a tournament chose, as files that LLaMA-Factory and <c>train</c> read: the best answers as examples, and best and
/// worst as preferences, in alpaca's layout, registered in the folder's dataset_info.json.
/// </summary>
public static class Distillation
{
    /// <summary>File of the best answers.</summary>
    public const string SupervisedFile = "sft.jsonl";
    /// <summary>File of the pairs.</summary>
    public const string PreferenceFile = "preferences.jsonl";
    /// <summary>The first set's name in dataset_info.json.</summary>
    public const string SupervisedName = "best_of_n_sft";
    /// <summary>The second's.</summary>
    public const string PreferenceName = "best_of_n_preferences";

    /// <summary>Writes both sets; a set without rows is not there afterwards, neither as a file nor by its name.</summary>
    /// <exception cref="GramException">A file cannot be written, or dataset_info.json is broken.</exception>
    public static DistilledSets Write(string folder, IReadOnlyList<RankedAnswers> ranked)
    {
        ArgumentNullException.ThrowIfNull(ranked);
        var whole = ranked.Where(item => Turns(item.Prompt) is not null).ToList();
        var different = whole.Where(item => item.Best != item.Worst).ToList();
        // Columns that are in one row are in all: readers infer a set's columns from its first rows.
        var isConversation = whole.Any(item => item.Prompt.Messages is not null);
        Directory.CreateDirectory(folder);
        Write(folder, SupervisedFile, whole.Select(item => Row(item.Prompt, isConversation, ("output", item.Best))));
        Write(folder, PreferenceFile, different.Select(item => Row(item.Prompt, isConversation, ("chosen", item.Best), ("rejected", item.Worst))));
        DatasetInfo.Register(folder, new Dictionary<string, JsonObject?>
        {
            [SupervisedName] = whole.Count == 0 ? null : Entry(SupervisedFile, isConversation, isRanking: false),
            [PreferenceName] = different.Count == 0 ? null : Entry(PreferenceFile, isConversation, isRanking: true),
        });
        return new(whole.Count, different.Count, whole.Count - different.Count, ranked.Count - whole.Count);
    }

    private static void Write(string folder, string name, IEnumerable<JsonObject> rows)
    {
        var path = Path.Combine(folder, name);
        if (rows.Any()) JsonRows.Write(path, rows);
        else File.Delete(path);
    }

    /// <summary>The entry of dataset_info.json.</summary>
    private static JsonObject Entry(string file, bool isConversation, bool isRanking)
    {
        var columns = new JsonObject { ["prompt"] = "instruction", ["query"] = "input" };
        foreach (var answer in isRanking ? (string[])["chosen", "rejected"] : ["response"]) columns[answer] = answer == "response" ? "output" : answer;
        if (isConversation) (columns["system"], columns["history"]) = ("system", "history");
        return isRanking ? new() { ["file_name"] = file, ["ranking"] = true, ["columns"] = columns } : new() { ["file_name"] = file, ["columns"] = columns };
    }

    private static JsonObject Row(Prompt prompt, bool isConversation, params (string Field, string Text)[] answers)
    {
        var (system, turns) = Turns(prompt)!.Value;
        var row = new JsonObject { ["instruction"] = turns[^1].Content, ["input"] = "" };
        foreach (var (field, text) in answers) row[field] = text;
        if (!isConversation) return row;
        row["system"] = system;
        row["history"] = new JsonArray([.. turns.SkipLast(1).Chunk(2).Select(pair => new JsonArray(pair[0].Content, pair[1].Content))]);
        return row;
    }

    /// <summary>The system message and the turns, which alternate and end with the user's; null where they do not.</summary>
    private static (string System, IReadOnlyList<ChatMessage> Turns)? Turns(Prompt prompt)
    {
        IReadOnlyList<ChatMessage> turns = prompt.Messages ?? [new("user", prompt.Text ?? "")];
        var system = turns[0].Role == "system" ? turns[0].Content : "";
        if (turns[0].Role == "system") turns = [.. turns.Skip(1)];
        return turns.Count % 2 == 1 && turns.Index().All(turn => turn.Item.Role == (turn.Index % 2 == 0 ? "user" : "assistant")) ? (system, turns) : null;
    }
}
