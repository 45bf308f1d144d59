using System.Xml.Linq;
using Gram.BestOfN;

namespace Gram.Host.Reporting;

/// <summary>
/// How an answer won: a prompt, its answers in the order of their ranking, and who met whom with what score, as rounds, or as a table where
/// everybody met everybody. Parts of a page; their look is <see cref="Css"/>.
/// </summary>
internal static class BracketView
{
    /// <summary>The look, for the page's style.</summary>
    public const string Css = """
        .item{border:1px solid #8884;border-radius:8px;padding:.6rem .9rem;margin:0 0 .8rem;break-inside:avoid} .item summary{cursor:pointer;font-weight:600;overflow-wrap:anywhere}
        .question{white-space:pre-wrap;overflow-wrap:anywhere;margin:.6rem 0} .winner td,.winner{font-weight:600}
        .rounds{display:flex;gap:.8rem;overflow-x:auto;align-items:center;padding:.4rem 0} .round{flex:0 0 auto} .round p{margin:0;font-size:12px;opacity:.7}
        .match{border:1px solid #8884;border-radius:6px;margin:.3rem 0;min-width:9rem} .match div{display:flex;justify-content:space-between;gap:.8rem;padding:.1rem .5rem;font-variant-numeric:tabular-nums} .match .lost{opacity:.6}
        .met{overflow-x:auto} .met table{width:auto} .met td,.met th{text-align:right;font-variant-numeric:tabular-nums}
        """;

    /// <summary>One prompt's part.</summary>
    /// <param name="number">The prompt's number.</param>
    /// <param name="ranked">The prompt, its answers and their tournament.</param>
    /// <param name="open">Whether it is shown unfolded.</param>
    public static XElement Of(int number, RankedAnswers ranked, bool open)
    {
        var (result, question) = (ranked.Result, ranked.Prompt.Question);
        return new XElement("details", Class("item"), new XAttribute("id", Html.Invariant($"prompt-{number}")), open ? new XAttribute("open", "open") : null,
            new XElement("summary", Html.Clean(Html.Invariant($"{number}. {FirstLine(question)} – answer {result.Best + 1} of {ranked.Answers.Count}, {result.Comparisons.Count} comparisons{Sure(result)}"))),
            new XElement("p", Class("question"), Html.Clean(question)),
            Answers(ranked),
            result.Comparisons.Count == 0 ? new XElement("p", "Nothing was compared: the answers are all the same.") : IsEverybody(ranked) ? Table(ranked) : Rounds(result));
    }

    private static XElement Answers(RankedAnswers ranked)
    {
        var (answers, result) = (ranked.Answers, ranked.Result);
        string[] head = ["place", "answer", "text", "mean score", .. result.Strengths is null ? Enumerable.Empty<string>() : ["strength, log-odds"]];
        return new XElement("table", Class("answers"),
            new XElement("thead", new XElement("tr", head.Select(name => new XElement("th", name)))),
            new XElement("tbody", result.Ranking.Select((answer, place) => new XElement("tr", answer == result.Best ? Class("winner") : null,
                Number($"{place + 1}"),
                Number($"{answer + 1}"),
                new XElement("td", Html.Clean(answers[answer]), First(answers, answer) is var first && first < answer ? new XElement("i", Html.Invariant($" (the same as {first + 1})")) : null),
                Number(Html.Invariant($"{result.Scores[answer]:0.000}")),
                result.Strengths is { } strengths ? Number(Html.Invariant($"{strengths[answer]:0.00}")) : null))));
    }

    /// <summary>Rounds from left to right, in each the pairs that met: the winner above.</summary>
    private static XElement Rounds(TournamentResult result) => new("div", Class("rounds"),
        result.Comparisons.GroupBy(comparison => comparison.Round).Select(round => new XElement("div", Class("round"),
            new XElement("p", Html.Invariant($"round {round.Key}")),
            round.Select(Match))));

    private static XElement Match(Comparison met)
    {
        var (winner, loser, score) = met.ScoreA >= 0.5 ? (met.A, met.B, met.ScoreA) : (met.B, met.A, 1 - met.ScoreA);
        return new XElement("div", Class("match"), Side("winner", winner, score), Side("lost", loser, 1 - score));

        static XElement Side(string name, int answer, double share) => new("div", Class(name), new XElement("span", Html.Invariant($"answer {answer + 1}")), new XElement("span", Html.Invariant($"{share:0.000}")));
    }

    /// <summary>The score of each row's answer against each column's, in the order of the ranking.</summary>
    private static XElement Table(RankedAnswers ranked)
    {
        var scores = ranked.Result.Comparisons.SelectMany(met => new[] { KeyValuePair.Create((met.A, met.B), met.ScoreA), KeyValuePair.Create((met.B, met.A), 1 - met.ScoreA) }).ToDictionary();
        int[] order = [.. ranked.Result.Ranking.Where(answer => First(ranked.Answers, answer) == answer)];
        return new XElement("div", Class("met"), new XElement("table",
            new XElement("thead", new XElement("tr", new XElement("th", "against"), order.Select(answer => new XElement("th", Html.Invariant($"{answer + 1}"))))),
            new XElement("tbody", order.Select(row => new XElement("tr", new XElement("th", Html.Invariant($"answer {row + 1}")),
                order.Select(column => new XElement("td", scores.TryGetValue((row, column), out var score) ? Html.Invariant($"{score:0.000}") : "–")))))));
    }

    private static bool IsEverybody(RankedAnswers ranked) => ranked.Result.Comparisons.Count > 1 && ranked.Result.Comparisons.All(met => met.Round == 1)
        && ranked.Answers.Distinct().Count() is var distinct && ranked.Result.Comparisons.Count == distinct * (distinct - 1) / 2;

    private static int First(IReadOnlyList<string> answers, int answer)
    {
        var first = 0;
        while (answers[first] != answers[answer]) first++;
        return first;
    }

    private static string FirstLine(string text) => text.Split('\n')[0] is { Length: > 80 } line ? line[..80] + "…" : text.Split('\n')[0];

    private static string Sure(TournamentResult result) => result.Confidence is { } confidence ? Html.Invariant($", the best with probability {confidence:0.00}") : "";

    private static XElement Number(string text) => new("td", Class("number"), text);

    private static XAttribute Class(string name) => new("class", name);
}
