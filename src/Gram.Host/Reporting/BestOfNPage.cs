using System.Xml.Linq;
using Gram.BestOfN;
using Gram.Host.Commands;
using Gram.Ppo;

namespace Gram.Host.Reporting;

/// <summary>An n of best-of-n.</summary>
/// <param name="N">How many answers the best was picked of.</param>
/// <param name="Measure">What the picked answers are worth.</param>
internal sealed record PickedOf(int N, Estimate Measure);

/// <summary>A prompt with its greedy answer and all that were drawn, ranked.</summary>
internal sealed record PickedAnswer(string Question, string Greedy, IReadOnlyList<string> Answers, TournamentResult Result);

/// <summary>What best-of-n's report shows: what picking buys and how far it moves from the policy, and the answers that were picked.</summary>
internal static class BestOfNPage
{
    private const int ShownPrompts = 12;

    /// <summary>Its sections.</summary>
    /// <param name="measure">What the picked answers were measured by.</param>
    /// <param name="picked">Every n, the smallest first.</param>
    /// <param name="answers">Each prompt's answers, ranked among the largest n.</param>
    public static IEnumerable<XElement?> Sections(string measure, IReadOnlyList<PickedOf> picked, IReadOnlyList<PickedAnswer> answers)
    {
        yield return Html.Section("Results",
            new XElement("p", Html.Invariant($"{answers.Count} prompts; means with 95 % intervals. KL is at most how far picking moves from the policy: log n − (n − 1)/n nats a response.")),
            Html.Table("results", ["n", measure, "KL"], picked.Select(of => new[] { $"{of.N}", PpoReport.Of(of.Measure), Html.Number(BestOfNKl.Bound(of.N)) })));
        if (picked.Count > 1)
        {
            yield return Html.Section("Curves", new XElement("div", new XAttribute("class", "pictures"),
                ChartSvg.Of(new("What picking buys", measure, "n, answers picked from", [Curve(measure, picked, of => of.N)]) { IsLogarithmic = true }),
                ChartSvg.Of(new("What it costs in KL", measure, "KL from the policy, nats a response, at most", [Curve(measure, picked, of => BestOfNKl.Bound(of.N))]))));
        }
        yield return Html.Section("Answers",
            new XElement("p", Html.Invariant($"The first prompts, each with the best and the last of {picked[^1].N}. A score is the mean over an answer's comparisons.")),
            Html.Table("answers", ["prompt", "greedy", "best", "last", "score of the best", "comparisons"], answers.Take(ShownPrompts).Select(Row)));
    }

    private static Curve Curve(string measure, IReadOnlyList<PickedOf> picked, Func<PickedOf, double> at) =>
        new(measure, [.. picked.Select(of => (at(of), of.Measure.Mean))], [.. picked.Select(of => (at(of), of.Measure.Low, of.Measure.High))]);

    private static string[] Row(PickedAnswer picked) =>
    [
        picked.Question, picked.Greedy, picked.Answers[picked.Result.Best], picked.Answers[picked.Result.Ranking[^1]], Html.Number(picked.Result.Scores[picked.Result.Best]), $"{picked.Result.Comparisons.Count}",
    ];
}
