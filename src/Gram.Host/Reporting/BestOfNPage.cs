using System.Xml.Linq;
using Gram.BestOfN;
using Gram.Host.Commands;
using Gram.Ppo;

namespace Gram.Host.Reporting;

/// <summary>What best-of-n's report shows: what picking buys and how far it moves from the policy, and the answers that were picked.</summary>
internal static class BestOfNPage
{
    private const int ShownPrompts = 12;

    /// <summary>Its sections.</summary>
    /// <param name="report">What it came to, for its table.</param>
    /// <param name="figures">Every n, the smallest first.</param>
    /// <param name="ranked">Each prompt's answers, ranked among the largest n.</param>
    public static IEnumerable<XElement?> Sections(BestOfNReport report, IReadOnlyList<BestOfNFigure> figures, IReadOnlyList<RankedAnswers> ranked)
    {
        var measure = figures[0].Gold is null ? "wins by the judge" : "gold score";
        yield return Html.Section("Results",
            new XElement("p", Html.Invariant($"{ranked.Count} prompts; means with 95 % intervals. Wins are over one further answer, drawn alike. KL is at most how far picking moves from the policy: log n − (n − 1)/n nats a response.")),
            Html.Table("results", report.Head, report.Rows));
        if (figures.Count > 1)
        {
            yield return Html.Section("Curves", new XElement("div", new XAttribute("class", "pictures"),
                ChartSvg.Of(new("What picking buys", measure, "n, answers picked from", [Curve(measure, figures, figure => figure.N)]) { IsLogarithmic = true }),
                ChartSvg.Of(new("What it costs in KL", measure, "KL from the policy, nats a response, at most", [Curve(measure, figures, figure => BestOfNKl.Bound(figure.N))]))));
        }
        yield return Html.Section("Answers",
            new XElement("p", Html.Invariant($"The first prompts, each with the best and the last of {figures[^1].N}. A score is the mean over an answer's comparisons.")),
            Html.Table("answers", ["prompt", "best", "last", "score of the best", "comparisons"], ranked.Take(ShownPrompts).Select(Row)));
    }

    private static Curve Curve(string measure, IReadOnlyList<BestOfNFigure> figures, Func<BestOfNFigure, double> at)
    {
        Estimate Of(BestOfNFigure figure) => figure.Gold ?? figure.WinRate;
        return new(measure, [.. figures.Select(figure => (at(figure), Of(figure).Mean))], [.. figures.Select(figure => (at(figure), Of(figure).Low, Of(figure).High))]);
    }

    private static string[] Row(RankedAnswers ranked) =>
    [
        ranked.Prompt.Question, ranked.Answers[ranked.Result.Best], ranked.Answers[ranked.Result.Ranking[^1]], Html.Number(ranked.Result.Scores[ranked.Result.Best]), $"{ranked.Result.Comparisons.Count}",
    ];
}
