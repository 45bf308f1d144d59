using System.Text.Json.Nodes;
using System.Xml.Linq;
using Gram.Host.Reporting;
using Gram.Ppo;

namespace Gram.Host.Tests.Reporting;

public sealed class RunReportTests : IDisposable
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_ARunsFolder_IsOnePageWithItsFigures()
    {
        Log(new() { ["step"] = 1, ["objective/kl"] = 0, ["objective/scores"] = -0.25, ["eval/gold"] = 0.4, ["eval/gold_low"] = 0.3, ["eval/gold_high"] = 0.5, ["grad_norm"] = "NaN" },
            new() { ["step"] = 2, ["objective/kl"] = 1.75, ["objective/scores"] = 0.5, ["eval/gold"] = 0.9, ["eval/gold_low"] = 0.8, ["eval/gold_high"] = 1, ["grad_norm"] = 2.5 });
        File.WriteAllText(folder.File("samples.jsonl"), """{"step":2,"prompt":"Why <b>?","response":"So \u0001 & so.","reference":"No.","score":0.75,"reward":1.5,"kl":2,"tokens":3,"ended":true,"marker":false}""" + "\n");
        File.WriteAllText(folder.File("config.yaml"), "learning_rate: 1e-5\nkl_coef: 0.05\n");

        RunReport.Write(Result with { Examples = [new("How?", "Badly.", "Well <i>done</i>.")] }, [("processor", "a small one")]);

        var page = Page();
        Rows(page, "results").Should().ContainEquivalentOf(new[] { "gold score after", "0.900 [0.800, 1.000]" }).And.ContainEquivalentOf(new[] { "steps", "2" });
        Rows(page, "metrics").Should().ContainEquivalentOf(new[] { "objective/kl", "0", "1.75", "0", "1.75" }, o => o.WithStrictOrdering());
        Rows(page, "examples").Should().ContainEquivalentOf(new[] { "How?", "Badly.", "Well <i>done</i>." }, o => o.WithStrictOrdering());
        Rows(page, "samples").Single().Should().Equal("2", "Why <b>?", "So \uFFFD & so.", "No.", "0.75", "1.5", "2");
        Rows(page, "environment").Single().Should().Equal("processor", "a small one");
        page.Descendants("pre").Single().Value.Should().Be("learning_rate: 1e-5\nkl_coef: 0.05\n");
        Points(page, "objective/kl").Should().Equal("step 1: 0", "step 2: 1.75");
        Points(page, "grad_norm").Should().Equal("step 2: 2.5");
        page.Descendants(Svg + "polygon").Should().ContainSingle("the gold score has intervals");
    }

    [Fact]
    public void Write_AnyRun_AsksTheNetworkForNothing()
    {
        Log(new JsonObject { ["step"] = 1, ["objective/kl"] = 0.5 });

        RunReport.Write(Result, []);

        var page = Page();
        page.Descendants().Attributes().Where(attribute => attribute.Name.LocalName is "src" or "href").Should().BeEmpty();
        page.Descendants().Select(element => element.Name.LocalName).Should().NotContain(["script", "link", "img", "iframe"]);
        page.Descendants("style").Single().Value.Should().NotContain("url(").And.NotContain("@import");
    }

    [Fact]
    public void Write_EmptyCells_KeepTheirEndTags()
    {
        Log(new JsonObject { ["step"] = 1, ["objective/kl"] = 0.5 });

        RunReport.Write(Result with { Examples = [new("How?", "", "Well.")] }, []);

        // To a browser <td /> and <i /> are beginnings without an end.
        File.ReadAllText(folder.File("report.html")).Should().NotMatchRegex("<(td|i|span|p|div|table|tbody|section)\\b[^>]*/>");
    }

    private PpoResult Result => new() { Gold = new(new(0.4, 0.3, 0.5), new(0.9, 0.8, 1)), WinRate = new(new(0.7, 0.6, 0.8), null), Kl = 1.75, Steps = 2, Seconds = 3, Model = folder.Path };

    private XElement Page() => XDocument.Parse(File.ReadAllText(folder.File("report.html"))).Root!;

    private void Log(params JsonObject[] lines) => File.WriteAllLines(folder.File("trainer_log.jsonl"), lines.Select(line => line.ToJsonString()));

    private static string[][] Rows(XElement page, string table) =>
        [.. page.Descendants("table").Single(element => (string?)element.Attribute("id") == table).Element("tbody")!.Elements("tr").Select(row => row.Elements("td").Select(cell => cell.Value).ToArray())];

    private static string[] Points(XElement page, string metric) =>
        [.. page.Descendants(Svg + "g").Single(element => (string?)element.Attribute("data-metric") == metric).Descendants(Svg + "title").Select(title => title.Value)];
}
