using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.BestOfN;
using Gram.Ppo;

namespace Gram.Host.Commands;

/// <summary>What the best of n answers is worth.</summary>
/// <param name="N">How many it was picked of.</param>
/// <param name="WinRate">How often the judge prefers it to one further answer.</param>
/// <param name="Gold">Its gold score, where the task has one.</param>
/// <param name="GoldWinRate">How often its gold score is above that of one further answer.</param>
internal sealed record BestOfNFigure(int N, Estimate WinRate, Estimate? Gold, Estimate? GoldWinRate);

/// <summary>How best-of-n came out, for people, for programs and for pages.</summary>
/// <param name="figures">Every n, the smallest first.</param>
internal sealed class BestOfNReport(IReadOnlyList<BestOfNFigure> figures)
{
    private bool HasGold => figures[0].Gold is not null;

    /// <summary>The lists of --json.</summary>
    public JsonObject Json()
    {
        var json = new JsonObject { ["n"] = List(figure => figure.N) };
        if (HasGold)
        {
            json["gold"] = List(figure => figure.Gold);
            json["gold_win_rate"] = List(figure => figure.GoldWinRate);
        }
        json["win_rate"] = List(figure => figure.WinRate);
        json["kl"] = List(figure => BestOfNKl.Bound(figure.N));
        return json;

        JsonArray List<T>(Func<BestOfNFigure, T> value) => new([.. figures.Select(figure => JsonSerializer.SerializeToNode(value(figure)))]);
    }

    /// <summary>Names of the columns.</summary>
    public IReadOnlyList<string> Head => ["n", .. HasGold ? ["gold score [95 %]", "wins by gold score"] : Enumerable.Empty<string>(), "wins by the judge", "KL, nats, at most"];

    /// <summary>The cells of each n.</summary>
    public IEnumerable<string[]> Rows => figures.Select(figure => (string[])
    [
        Text($"{figure.N}"),
        .. HasGold ? [PpoReport.Of(figure.Gold!), PpoReport.Of(figure.GoldWinRate!)] : Enumerable.Empty<string>(),
        PpoReport.Of(figure.WinRate),
        Text($"{BestOfNKl.Bound(figure.N):0.000}"),
    ]);

    /// <summary>The table as lines.</summary>
    public string Lines()
    {
        var widths = Head.Select((name, i) => Rows.Max(row => Math.Max(row[i].Length, name.Length))).ToArray();
        var text = new StringBuilder();
        foreach (var row in (IEnumerable<IReadOnlyList<string>>)[Head, .. Rows]) text.AppendLine(string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadLeft(widths[i] + 3) : cell.PadRight(widths[i]))).TrimEnd());
        return text.AppendLine("wins are over one further answer of the same prompt, drawn alike").ToString();
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
