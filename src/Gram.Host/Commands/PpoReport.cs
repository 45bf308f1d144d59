using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Host.Reporting;
using Gram.Ppo;

namespace Gram.Host.Commands;

/// <summary>How a PPO run came out, for people and for programs.</summary>
internal static class PpoReport
{
    public static JsonObject Json(PpoResult result) => (JsonObject)JsonSerializer.SerializeToNode(result)!;

    public static string Text(PpoResult result)
    {
        var text = new StringBuilder();
        if (result.Gold is { } gold) Line("gold score", $"{Of(gold.Before)} before, {Of(gold.After)} after");
        if (result.WinRate is { } wins)
        {
            Line("win rate", $"{Of(wins.Judge)} by the judge{(wins.Gold is { } byGold ? $", {Of(byGold)} by gold score" : "")}, against the initial policy's greedy answers");
        }
        Line("KL", $"{Number(result.Kl, "0.00;-0.00;0.00")} nats a response");
        Line("steps", $"{result.Steps} in {Number(result.Seconds, "0")} s");
        foreach (var example in result.Examples)
        {
            text.AppendLine();
            Line("prompt", example.Question);
            Line("before", example.Before);
            Line("after", example.After);
        }
        text.AppendLine();
        Line("model", result.Model);
        Line("report", Report.PathIn(result.Model));
        return text.ToString();

        void Line(string title, string value) => text.Append(title.PadRight(12)).AppendLine(value.ReplaceLineEndings("\n            "));
    }

    /// <summary>A mean with its 95 % interval.</summary>
    public static string Of(Estimate estimate) => $"{Number(estimate.Mean, "0.000")} [{Number(estimate.Low, "0.000")}, {Number(estimate.High, "0.000")}]";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
