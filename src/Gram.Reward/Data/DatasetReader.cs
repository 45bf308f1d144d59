using Gram.Models;

namespace Gram.Reward.Data;

/// <summary>Turns rows of any layout into conversations, as LLaMA-Factory's alpaca and sharegpt converters do.</summary>
public static class DatasetReader
{
    private static readonly DatasetTags OpenAiTags = new() { Role = "role", Content = "content", User = "user", Assistant = "assistant", System = "system" };

    private static readonly DatasetColumns OwnColumns = new() { Prompt = "prompt", Chosen = "chosen", Rejected = "rejected" };

    /// <summary>
    /// The rows of a data set. A row with wrong roles, an odd count of turns or a null answer comes out without prompt or
    /// response, to be dropped and counted; a missing field, or one of a wrong type, is an error.
    /// </summary>
    /// <param name="info">The data set.</param>
    /// <param name="promptsOnly">Whether answers may be missing.</param>
    /// <param name="notText">As in <see cref="JsonRows.Read"/>.</param>
    /// <exception cref="GramException">A row is wrong; the message names file, row and field.</exception>
    public static IEnumerable<DatasetRow> Read(DatasetInfo info, bool promptsOnly = false, Action<int>? notText = null) =>
        JsonRows.Read(info.File, notText).Select(row => Convert(info, row, promptsOnly));

    /// <summary>One row.</summary>
    /// <exception cref="GramException">It is wrong; the message names file, row and field.</exception>
    public static DatasetRow Convert(DatasetInfo info, JsonRow row, bool promptsOnly = false)
    {
        var ranking = info.Ranking ?? (row.Fields.ContainsKey("chosen") || row.Fields.ContainsKey("rejected"));
        var convert = new RowConverter(row, ranking, promptsOnly);
        return (info.Format ?? FormatOf(row)) switch
        {
            DatasetFormat.Alpaca => convert.Alpaca(info.Columns),
            DatasetFormat.ShareGpt when info.Format is null && row.Fields.ContainsKey("messages") => convert.ShareGpt(info.Columns with { Messages = "messages" }, OpenAiTags),
            DatasetFormat.ShareGpt => convert.ShareGpt(info.Columns, info.Tags),
            _ => convert.Alpaca(OwnColumns with { Response = row.Fields.ContainsKey("reference") ? "reference" : "response" }),
        };
    }

    private static DatasetFormat FormatOf(JsonRow row) =>
        row.Fields.ContainsKey("messages") || row.Fields.ContainsKey("conversations") ? DatasetFormat.ShareGpt
        : row.Fields.ContainsKey("instruction") ? DatasetFormat.Alpaca
        : DatasetFormat.Prompts;
}
