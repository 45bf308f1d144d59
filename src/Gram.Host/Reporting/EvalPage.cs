using System.Xml.Linq;
using Gram.Reward.Benchmarks;
using Gram.Reward.Data;

namespace Gram.Host.Reporting;

/// <summary>What an evaluation's report shows: the table, calibration, finer figures, and where the judge was surest and wrong.</summary>
internal static class EvalPage
{
    private const int ShownMistakes = 12;

    /// <summary>Its sections.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="items">What was judged.</param>
    /// <param name="verdicts">Verdicts on all comparisons, in order.</param>
    public static IEnumerable<XElement?> Sections(EvaluationReport report, IReadOnlyList<BenchmarkItem> items, IReadOnlyList<Verdict> verdicts)
    {
        yield return Html.Section("Results", new XElement("p", Html.Clean($"{report.Counted()}.")), Html.Table("results", report.Head, Rows(report)), new XElement("p", report.Note));
        if (report.Judge.Calibration is { } calibration)
        {
            yield return Html.Section("Calibration",
                new XElement("p", "Whether it is right as often as it is sure: the nearer the bars are to the line, the better."),
                new XElement("div", new XAttribute("class", "pictures"), new XElement("figure", XElement.Parse(ReliabilityPlot.Svg(Html.Clean($"{report.Benchmark}: {report.Judge.Judge}"), calibration)))));
        }
        if (report.Details.Any()) yield return Html.Section("In detail", Html.Table("details", ["figure", "items", "percent"], report.Details));
        var mistakes = Mistakes(items, verdicts).ToArray();
        if (mistakes.Length > 0)
        {
            yield return Html.Section("Surest mistakes",
                new XElement("p", "Comparisons that the judge got wrong, those first that it was surest of."),
                Html.Table("mistakes", ["prompt", "better answer", "answer that the judge preferred", "score of the better", "score of the other", "order disagreement"], mistakes));
        }
    }

    /// <summary>The table's rows, each figure above its interval.</summary>
    private static List<string[]> Rows(EvaluationReport report)
    {
        var rows = new List<string[]>();
        foreach (var row in report.Rows())
        {
            if (row[0].Length > 0) rows.Add(row);
            else rows[^1] = [rows[^1][0], .. rows[^1].Skip(1).Zip(row.Skip(1), (figure, interval) => $"{figure}\n{interval}")];
        }
        return rows;
    }

    private static IEnumerable<string[]> Mistakes(IReadOnlyList<BenchmarkItem> items, IReadOnlyList<Verdict> verdicts) => items
        .SelectMany(item => item.Comparisons).Zip(verdicts, (comparison, verdict) => (comparison, verdict))
        .Where(judged => judged.comparison is { HasTruth: true, Pair: not null } && judged.verdict is { IsRight: false, IsTie: false })
        .OrderByDescending(judged => judged.verdict.Rejected - judged.verdict.Chosen)
        .Take(ShownMistakes)
        .Select(judged => Row(judged.comparison.Pair!, judged.verdict));

    private static string[] Row(PairRow pair, Verdict verdict) =>
    [
        pair.Prompt.Question, pair.AnswerA, pair.AnswerB, Html.Number(verdict.Chosen), Html.Number(verdict.Rejected), Html.Number(verdict.OrderDisagreement ?? double.NaN),
    ];
}
