using System.Globalization;
using System.Xml.Linq;
using Gram.BestOfN;

namespace Gram.Host.Reporting;

/// <summary>audit.html: how each prompt's best answer was chosen, comparison by comparison. One file that needs no network.</summary>
internal static class AuditPage
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "audit.html";

    /// <summary>Prompts that a page shows: a browser has to hold them all.</summary>
    private const int MostPrompts = 2000;

    private const int OpenPrompts = 3;

    /// <summary>Writes the page.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="kind">What was run, for the title.</param>
    /// <param name="head">Names of the results' columns; none for names and values.</param>
    /// <param name="results">What it came to.</param>
    /// <param name="ranked">The prompts, in order.</param>
    /// <param name="environment">What it ran on, name by name.</param>
    public static void Write(string folder, string kind, IReadOnlyList<string> head, IEnumerable<string[]> results, IReadOnlyList<RankedAnswers> ranked, IEnumerable<(string Name, string Value)> environment)
    {
        IEnumerable<XElement?> sections =
        [
            Html.Section("Results", Html.Table("results", head, results)),
            Html.Section("How the answers were chosen", new XElement("p", About(ranked.Count)), ranked.Take(MostPrompts).Select((item, i) => BracketView.Of(i + 1, item, open: i < OpenPrompts))),
        ];
        new Report(Report.TitleOf(folder), kind, sections, null, environment) { Css = BracketView.Css }.Write(folder, FileName);
    }

    private static string About(int prompts) => string.Create(CultureInfo.InvariantCulture,
        $"A score is the judge's, of both orders: above 0.5 the answer is the better one. {(prompts <= MostPrompts ? $"{prompts:N0} prompts." : $"The first {MostPrompts:N0} of {prompts:N0} prompts; the ranked file has all.")}");
}
