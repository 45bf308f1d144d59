using System.Xml.Linq;
using Gram.BestOfN;
using Gram.Host.Reporting;
using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Host.Tests.Reporting;

public sealed class AuditPageTests : IDisposable
{
    private const string Attack = "</td></table><script>alert(1)</script><img src=x onerror=alert(2)> \" onload='x' \u0001";

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Write_Knockout_ShowsEachRoundWithItsWinnersAbove()
    {
        // Longer is better: 2 beats 1, 4 beats 3, then 4 beats 2.
        var page = await PageAsync(new KnockoutTournament(), ["a", "bb", "ccc", "dddd"]);

        var item = page.Descendants("details").Single();
        item.Element("summary")!.Value.Should().Be("1. Why? – answer 4 of 4, 3 comparisons");
        item.Descendants("tr").Single(row => (string?)row.Attribute("class") == "winner").Elements("td").Select(cell => cell.Value).Should().Equal("1", "4", "dddd", "0.900");
        var rounds = item.Descendants("div").Where(part => (string?)part.Attribute("class") == "round").Select(round =>
            round.Elements("div").Select(match => string.Join(" > ", match.Elements("div").Select(side => string.Join(' ', side.Elements("span").Select(span => span.Value)))))).ToArray();
        rounds[0].Should().Equal("answer 2 0.900 > answer 1 0.100", "answer 4 0.900 > answer 3 0.100");
        rounds[1].Should().Equal("answer 4 0.900 > answer 2 0.100");
    }

    [Fact]
    public async Task Write_RoundRobin_ShowsEverybodyAgainstEverybody()
    {
        var page = await PageAsync(new RoundRobinTournament(), ["a", "ccc", "bb", "ccc"]);

        var met = page.Descendants("div").Single(part => (string?)part.Attribute("class") == "met");
        met.Descendants("thead").Single().Descendants("th").Select(cell => cell.Value).Should().Equal("against", "2", "3", "1");
        met.Element("table")!.Element("tbody")!.Elements("tr").Select(row => string.Join(' ', row.Elements().Select(cell => cell.Value))).Should().Equal("answer 2 – 0.900 0.900", "answer 3 0.100 – 0.900", "answer 1 0.100 0.100 –");
        page.Descendants("td").Select(cell => cell.Value).Should().Contain("ccc (the same as 2)");
        page.Descendants("th").Select(cell => cell.Value).Should().Contain("strength, log-odds");
    }

    [Fact]
    public async Task Write_TextsOfAnAttacker_StayTexts()
    {
        var page = await PageAsync(new KnockoutTournament(), [Attack, "b"], Attack);

        page.Descendants().Select(element => element.Name.LocalName).Should().NotContain(["script", "img", "link", "iframe"]);
        page.Descendants().Attributes().Should().NotContain(attribute => attribute.Name.LocalName.StartsWith("on", StringComparison.Ordinal) || attribute.Name.LocalName == "src" || attribute.Name.LocalName == "href");
        page.Descendants("td").Select(cell => cell.Value).Should().Contain(Attack.Replace('\u0001', '\uFFFD'));
        page.Descendants("meta").Attributes("content").Select(attribute => attribute.Value).Should().Contain("default-src 'none'; style-src 'unsafe-inline'");
    }

    [Fact]
    public async Task Write_AnswersThatAreAllTheSame_SaySo()
    {
        var page = await PageAsync(new KnockoutTournament(), ["same", "same"]);

        page.Descendants("p").Select(part => part.Value).Should().Contain("Nothing was compared: the answers are all the same.");
    }

    [Fact]
    public async Task Write_EmptyTexts_KeepTheirEndTags()
    {
        await PageAsync(new RoundRobinTournament(), ["", "b", "cc"], "");

        // To a browser <td /> is a beginning without an end.
        File.ReadAllText(folder.File(AuditPage.FileName)).Should().NotMatchRegex("<(td|th|i|span|p|div|table|tbody|section|details|summary)\\b[^>]*/>");
    }

    private async Task<XElement> PageAsync(ITournament tournament, IReadOnlyList<string> answers, string question = "Why?")
    {
        var prompt = new Prompt(question);
        var results = await tournament.RankAsync(new LongerIsBetter(), [(question, answers)]);
        AuditPage.Write(folder.Path, "best of 4", ["n", "wins"], [["4", "0.9"]], [new RankedAnswers(prompt, answers, results[0])], [("processor", "a small one")]);
        return XDocument.Parse(File.ReadAllText(folder.File(AuditPage.FileName))).Root!;
    }

    /// <summary>Puts 0.9 on the longer answer.</summary>
    private sealed class LongerIsBetter : IPairJudge
    {
        public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair => pair.AnswerA.Length > pair.AnswerB.Length ? new PairScore(0.9, 0.9) : new PairScore(0.1, 0.1))]);
    }
}
