using System.Globalization;
using Gram.Training.Runs;

namespace Gram.Host.Progress;

/// <summary>The metrics that a person sees while a run goes; files have all of them.</summary>
internal static class ProgressColumns
{
    /// <summary>Formats of signed metrics have a third section: what rounds to 0 has no sign.</summary>
    private static readonly (string Metric, string Title, string Format)[] Columns =
    [
        ("loss", "loss", "0.0000"),
        ("eval_loss", "eval loss", "0.0000"),
        ("eval_accuracy", "accuracy", "0.000"),
        ("learning_rate", "rate", "0.0e-0"),
        ("grad_norm", "grad norm", "0.00"),
        ("objective/scores", "reward", "0.000;-0.000;0.000"),
        ("objective/kl", "KL", "0.00;-0.00;0.00"),
        ("eval/win_rate_vs_initial", "win rate", "0.000"),
        ("eval/gold", "gold", "0.000"),
        ("tokens/response_len_mean", "length", "0.0"),
        ("throughput/generate_tokens_per_s", "tokens/s", "0"),
        ("tokens_per_s", "tokens/s", "0"),
        ("mb_per_s", "MB/s", "0.0"),
        ("pairs_per_s", "pairs/s", "0.0"),
    ];

    /// <summary>All titles, in order.</summary>
    public static IEnumerable<string> Titles => Columns.Select(column => column.Title).Distinct();

    /// <summary>Titles and texts of the metrics present.</summary>
    public static IEnumerable<(string Title, string Text)> Of(IReadOnlyDictionary<string, double> metrics) =>
        from column in Columns
        where metrics.ContainsKey(column.Metric)
        select (column.Title, metrics[column.Metric].ToString(column.Format, CultureInfo.InvariantCulture));

    /// <summary>The time left, as a clock shows it.</summary>
    public static string TimeLeft(StepLogged message)
    {
        if (message.TimeLeft is not { } left) return "?";
        return left.TotalHours >= 1 ? $"{(int)left.TotalHours}:{left:mm\\:ss}" : $"{left:m\\:ss}";
    }
}
