using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Reward.Benchmarks;

namespace Gram.Reward.Tests.Benchmarks;

/// <summary>Other people's results, whose published figures must come out exactly.</summary>
public sealed class PublishedScoreTests
{
    [SkippableTheory]
    [InlineData("skywork-llama-3.1-8b", "59.09 64.29 76.79 50.00", "62.29", "62.54")]
    [InlineData("internlm2-20b", "62.34 69.39 66.07 50.00", "63.43", "61.95")]
    public void JudgeBench_PublishedOutputs_GiveThePublishedFigures(string model, string groups, string overall, string average)
    {
        var result = BenchmarkFiles.Evaluate("judgebench", Repository.SharedPath("data", "judgebench", "outputs", $"{model}.jsonl"), Repository.SharedPath("data", "judgebench", "gpt.json"));

        result.Count.Should().Be(350);
        result.Figures.Groups.Select(group => group.Count).Should().Equal(154, 98, 56, 42);
        string.Join(' ', result.Figures.Groups.Select(group => Percent(group.Value))).Should().Be(groups);
        Percent(result.Figures.Overall).Should().Be(overall);
        Percent(result.Figures.Average).Should().Be(average);
        result.OrderDisagreement.Should().Be(0, "a reward does not depend on the order");
    }

    /// <summary>The same without scores: JudgeBench's own rule counts decisions of both orders.</summary>
    [SkippableFact]
    public void JudgeBench_DecisionsAlone_GiveThePublishedFigures()
    {
        using var folder = new TemporaryDirectory();
        var rows = File.ReadLines(Repository.SharedPath("data", "judgebench", "outputs", "skywork-llama-3.1-8b.jsonl")).Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        foreach (var row in rows) row.Remove("scores");

        var result = BenchmarkFiles.Evaluate("judgebench", folder.Write("decisions.jsonl", [.. rows.Select(row => row.ToJsonString())]));

        Percent(result.Figures.Overall).Should().Be("62.29");
        result.OrderDisagreement.Should().BeApproximately(1.0 / 350, 1e-12, "one pair got the same letter in both orders");
    }

    /// <summary>The same rows as JudgeBench's own script writes them: a judgment for each order, with the texts.</summary>
    [SkippableTheory]
    [InlineData("skywork-llama-3.1-8b", true)]
    [InlineData("skywork-llama-3.1-8b", false)]
    [InlineData("internlm2-20b", true)]
    public void JudgeBench_OfficialForm_IsTheSame(string model, bool withScores)
    {
        using var folder = new TemporaryDirectory();
        var published = Repository.SharedPath("data", "judgebench", "outputs", $"{model}.jsonl");
        var official = File.ReadLines(published).Select(line => JsonNode.Parse(line)!).Select(row => new JsonObject
        {
            ["pair_id"] = row["pair_id"]!.DeepClone(),
            ["source"] = row["source"]!.DeepClone(),
            ["question"] = "Q",
            ["response_model"] = "gpt-4o-2024-05-13",
            ["response_A"] = "a",
            ["response_B"] = "b",
            ["label"] = row["label"]!.DeepClone(),
            ["judge_name"] = "reward_model",
            ["judgments"] = new JsonArray([.. Enumerable.Range(0, 2).Select(order =>
            {
                var said = new JsonObject { ["judge_model"] = model, ["prompt"] = "", ["response"] = "" };
                if (withScores) said["scores"] = row["scores"]![order]!.DeepClone();
                return new JsonObject { ["judgment"] = said, ["decision"] = row["decisions"]![order]!.DeepClone() };
            })]),
        }.ToJsonString());

        var result = BenchmarkFiles.Evaluate("judgebench", folder.Write("official.jsonl", [.. official]));

        var expected = BenchmarkFiles.Evaluate("judgebench", published);
        result.Figures.Groups.Should().Equal(expected.Figures.Groups);
        (result.Count, result.Figures.Overall).Should().Be((350, expected.Figures.Overall));
        if (withScores) result.Calibration!.ExpectedError.Should().Be(expected.Calibration!.ExpectedError);
        else result.OrderDisagreement.Should().BeApproximately(1.0 / 350, 1e-12, "one pair got the same letter in both orders");
    }

    [SkippableTheory]
    [InlineData("Natural")]
    [InlineData("Adversarial/Neighbor")]
    [InlineData("Adversarial/GPTInst")]
    public void LlmBar_PublishedAnswers_GiveThePublishedStatistics(string subset)
    {
        var statistics = JsonNode.Parse(File.ReadAllText(Repository.SharedPath("data", "llmbar", subset, "gpt-4-swap-statistics.json")))!;

        var result = BenchmarkFiles.Evaluate("llmbar", Repository.SharedPath("data", "llmbar", subset, "gpt-4-swap-result.json"));

        var groups = result.Figures.Groups.ByName();
        Check("correct_False", groups["order 1"]);
        Check("correct_True", groups["order 2"]);
        Check("correct_average", result.Figures.Overall);
        Check("correct_both", groups["both right"]);
        Check("equal", groups["agreement"]);

        void Check(string name, double value) =>
            (100 * value).Should().BeApproximately(double.Parse(statistics[name]!.GetValue<string>().Split('=')[^1].Trim(' ', '%'), CultureInfo.InvariantCulture), 1e-9, name);
    }

    [Fact]
    public void PublishedTables_OfGram_AverageTheirColumns()
    {
        foreach (var row in PublishedFigures.Of(new JudgeBench()).Concat(PublishedFigures.Of(new RmBench())))
        {
            row.Groups.Should().HaveCount(4);
            row.Groups.Values.Average().Should().BeApproximately(row.Average, 0.06, "{0}: figures are rounded to a tenth", row.Model);
        }
    }

    private static string Percent(double share) => (100 * share).ToString("0.00", CultureInfo.InvariantCulture);
}
