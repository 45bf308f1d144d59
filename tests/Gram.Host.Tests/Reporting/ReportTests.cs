using System.Text.Json.Nodes;
using System.Xml.Linq;
using Gram.BestOfN;
using Gram.Host.Commands;
using Gram.Host.Reporting;
using Gram.Ppo;
using Gram.Reward.Benchmarks;
using Gram.Reward.Data;
using Gram.Reward.Training;

namespace Gram.Host.Tests.Reporting;

public sealed class ReportTests : IDisposable
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Ppo_ARunsFolder_IsOnePageWithItsFigures()
    {
        Log(new() { ["step"] = 1, ["objective/kl"] = 0, ["objective/scores"] = -0.25, ["eval/gold"] = 0.4, ["eval/gold_low"] = 0.3, ["eval/gold_high"] = 0.5, ["grad_norm"] = "NaN" },
            new() { ["step"] = 2, ["objective/kl"] = 1.75, ["objective/scores"] = 0.5, ["eval/gold"] = 0.9, ["eval/gold_low"] = 0.8, ["eval/gold_high"] = 1, ["grad_norm"] = 2.5 });
        File.WriteAllText(folder.File("samples.jsonl"), """{"step":2,"prompt":"Why <b>?","response":"So \u0001 & so.","reference":"No.","score":0.75,"reward":1.5,"kl":2,"tokens":3,"ended":true,"marker":false}""" + "\n"
            + """{"step":3,"prompt":"Of a step that was given up","response":"","reference":"","score":0.5,"reward":1,"kl":9,"tokens":1,"ended":true,"marker":false}""" + "\n");

        var page = Written(PpoPage.Sections(folder.Path, RunLog.Read(folder.Path), Ppo with { Examples = [new("How?", "Badly.", "Well <i>done</i>.")] }), "learning_rate: 1e-5\nkl_coef: 0.05\n", ("processor", "a small one"));

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
    public void Ppo_AStoppedRun_ShowsHowFarItCame()
    {
        Log(new() { ["step"] = 1, ["objective/kl"] = 0.5, ["eval/gold"] = 0.4 }, new() { ["step"] = 7, ["objective/kl"] = 9.5 });

        var page = Written(PpoPage.Sections(folder.Path, RunLog.Read(folder.Path), null));

        Rows(page, "results").Should().BeEquivalentTo(
            new string[][] { ["gold score, at the last evaluation", "0.4"], ["KL from the reference, nats a response", "9.5"], ["steps", "7"] }, o => o.WithStrictOrdering());
        Points(page, "objective/kl").Should().HaveCount(2);
    }

    [Fact]
    public void Ppo_StoppedBeforeItsFirstStep_StillHasAPage()
    {
        Log();
        File.WriteAllText(folder.File("samples.jsonl"), "");

        var page = Written(PpoPage.Sections(folder.Path, RunLog.Read(folder.Path), null));

        Rows(page, "results").Single().Should().Equal("steps", "0");
        page.Descendants("h2").Select(title => title.Value).Should().Equal("Results", "Metrics", "Environment");
    }

    [Fact]
    public void Train_ARunsFolder_ShowsWhatWasTrainedAndWhatCameOut()
    {
        Log(new() { ["step"] = 5, ["loss"] = 0.75, ["learning_rate"] = 1e-5 }, new() { ["step"] = 10, ["loss"] = 0.25, ["learning_rate"] = 0 }, new() { ["step"] = 10, ["eval_accuracy"] = 0.875 });
        var result = new GramTrainingResult(10, 0.5, new(16, 0.875, 0.0625, null), 3, folder.Path, 1, 2) { Examples = [new(9, 1, [new(false, "Better:"), new(true, " A"), new(false, "<|end|>")])] };

        var page = Written(TrainPage.Sections(RunLog.Read(folder.Path), result));

        Rows(page, "results").Should().ContainEquivalentOf(new[] { "held-out accuracy", "0.875" }).And.ContainEquivalentOf(new[] { "rows left out", "2" });
        page.Descendants("mark").Single().Value.Should().Be(" A");
        page.Descendants("mark").Single().Parent!.Value.Should().Be("Better: A<|end|>");
        Points(page, "loss").Should().Equal("step 5: 0.75", "step 10: 0.25");
    }

    [Fact]
    public void Eval_AJudgesScores_ShowsTheTableAndTheSurestMistakesFirst()
    {
        File.WriteAllLines(folder.File("scores.jsonl"),
        [
            """{"prompt": "Q1", "chosen": "good", "rejected": "bad", "score_chosen": 0.9, "score_rejected": 0.1}""",
            """{"prompt": "Q2", "chosen": "good", "rejected": "bad", "score_chosen": 0.4, "score_rejected": 0.6}""",
            """{"prompt": "Q3", "chosen": "good", "rejected": "bad", "score_chosen": 0.5, "score_rejected": 0.5}""",
            """{"prompt": "Q4", "chosen": "good", "rejected": "bad", "score_chosen": 0.1, "score_rejected": 0.9}""",
        ]);
        var benchmark = Benchmark.ByName("pairs");
        var (items, verdicts) = BenchmarkReader.Scores(benchmark, folder.File("scores.jsonl"), []);
        var report = new EvaluationReport("pairs", Evaluation.Of("a <judge>", benchmark, items, verdicts), [], []);

        var page = Written(EvalPage.Sections(report, items, verdicts));

        Rows(page, "results").Single()[1].Should().StartWith("25.00\n[");
        Rows(page, "mistakes").Select(row => row[0]).Should().Equal("Q4", "Q2");
        page.Descendants(Svg + "rect").Should().HaveCount(report.Judge.Calibration!.Bins.Count(bin => bin.Count > 0));
    }

    [Fact]
    public void BestOfN_ThreeNs_ShowsWhatPickingBuysAndTheAnswers()
    {
        var ranked = new RankedAnswers(new("Why?"), ["No.", "Because.", "So."], new(1, [1, 2, 0], [0.2, 0.8, 0.5], [new(0, 1, 0.2, 1), new(1, 2, 0.7, 2)]));
        BestOfNFigure[] figures = [new(1, new(0.25, 0.2, 0.3), null, null), new(2, new(0.5, 0.4, 0.6), null, null), new(4, new(0.75, 0.7, 0.8), null, null)];

        var page = Written(BestOfNPage.Sections(new(figures), figures, [ranked]));

        Rows(page, "results").Should().BeEquivalentTo(new string[][] { ["1", "0.250 [0.200, 0.300]", "0.000"], ["2", "0.500 [0.400, 0.600]", "0.193"], ["4", "0.750 [0.700, 0.800]", "0.636"] }, o => o.WithStrictOrdering());
        Rows(page, "answers").Single().Should().Equal("Why?", "Because.", "No.", "0.8", "2");
        var places = page.Descendants(Svg + "g").First().Elements(Svg + "circle").Select(circle => (double)circle.Attribute("cx")!).ToArray();
        (places[2] - places[1]).Should().BeApproximately(places[1] - places[0], 0.1, "doubling is a step of its own");
    }

    [Fact]
    public void Write_AnyReport_AsksTheNetworkForNothing()
    {
        Log(new JsonObject { ["step"] = 1, ["objective/kl"] = 0.5 });

        var page = Written(PpoPage.Sections(folder.Path, RunLog.Read(folder.Path), Ppo));

        page.Descendants().Attributes().Where(attribute => attribute.Name.LocalName is "src" or "href").Should().BeEmpty();
        page.Descendants().Select(element => element.Name.LocalName).Should().NotContain(["script", "link", "img", "iframe"]);
        page.Descendants("style").Single().Value.Should().NotContain("url(").And.NotContain("@import");
    }

    [Fact]
    public void Write_EmptyCells_KeepTheirEndTags()
    {
        Log(new JsonObject { ["step"] = 1, ["objective/kl"] = 0.5 });

        Written(PpoPage.Sections(folder.Path, RunLog.Read(folder.Path), Ppo with { Examples = [new("How?", "", "Well.")] }));

        // To a browser <td /> and <i /> are beginnings without an end.
        File.ReadAllText(folder.File("report.html")).Should().NotMatchRegex("<(td|th|i|span|p|div|table|tbody|section|figure)\\b[^>]*/>");
    }

    [Fact]
    public void Table_LongAnswer_IsCut()
    {
        var cell = Html.Table("t", ["a", "b"], [["name", new string('x', 5000)]]).Descendants("td").Single().Value;

        cell.Should().StartWith("xxx").And.EndWith("x… (3500 more characters)");
    }

    private PpoResult Ppo => new() { Gold = new(new(0.4, 0.3, 0.5), new(0.9, 0.8, 1)), WinRate = new(new(0.7, 0.6, 0.8), null), Kl = 1.75, Steps = 2, Seconds = 3, Model = folder.Path };

    private XElement Written(IEnumerable<XElement?> sections, string? config = null, params (string Name, string Value)[] environment) =>
        XDocument.Parse(File.ReadAllText(new Report("run", "a kind", sections, config, environment).Write(folder.Path))).Root!;

    private void Log(params JsonObject[] lines) => File.WriteAllLines(folder.File("trainer_log.jsonl"), lines.Select(line => line.ToJsonString()));

    private static string[][] Rows(XElement page, string table) =>
        [.. page.Descendants("table").Single(element => (string?)element.Attribute("id") == table).Element("tbody")!.Elements("tr").Select(row => row.Elements().Select(cell => cell.Value).ToArray())];

    private static string[] Points(XElement page, string metric) =>
        [.. page.Descendants(Svg + "g").Single(element => (string?)element.Attribute("data-metric") == metric).Descendants(Svg + "title").Select(title => title.Value)];
}
