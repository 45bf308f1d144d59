using Gram.Reward.Benchmarks;

namespace Gram.Reward.Tests.Benchmarks;

/// <summary>Result files in the published script's format, with the figures that gram.md settles.</summary>
[Trait("Category", Goldens.Category)]
public sealed class BenchmarkGoldenTests
{
    private const double Exact = 1e-12;

    [SkippableFact]
    public void JudgeBench_ScriptsOutput_GivesTheSettledFigures()
    {
        var expected = Goldens.Json("rl", "benchmarks", "benchmarks.json")["judgebench"]!;
        var settled = expected["settled"]!.Numbers();

        var result = BenchmarkFiles.Evaluate("judgebench", Goldens.PathOf("rl", "benchmarks", expected["file"]!.GetValue<string>()));

        result.Count.Should().Be(expected["items"]!.GetValue<int>());
        result.Ties.Should().Be(expected["ties"]!.GetValue<int>());
        foreach (var (name, value) in result.Figures.Groups.ByName()) value.Should().BeApproximately(settled[name], Exact, name);
        result.Figures.Groups.Should().HaveCount(4);
        result.Figures.Average.Should().BeApproximately(settled["Avg."], Exact);
        result.Figures.Overall.Should().BeApproximately(settled["Overall"], Exact);
        result.OrderDisagreement.Should().BeNull("the script's output does not say the orders");
    }

    [SkippableFact]
    public void RmBench_ScriptsOutput_GivesTheSettledFigures()
    {
        var expected = Goldens.Json("rl", "benchmarks", "benchmarks.json")["rm_bench"]!;
        var settled = expected["settled"]!;

        var result = BenchmarkFiles.Evaluate("rm-bench", Goldens.PathOf("rl", "benchmarks", expected["file"]!.GetValue<string>()));

        result.Count.Should().Be(expected["items"]!.GetValue<int>());
        result.Comparisons.Should().Be(expected["comparisons"]!.GetValue<int>());
        result.Ties.Should().Be(expected["ties"]!.GetValue<int>());
        var (groups, details) = (result.Figures.Groups.ByName(), result.Figures.Details.ByName());
        foreach (var (domain, figures) in settled["domains"]!.AsObject())
        {
            groups[domain].Should().BeApproximately(figures!["score"]!.GetValue<double>(), Exact, domain);
            foreach (var level in (string[])["hard", "normal", "easy"]) details[$"{domain} {level}"].Should().BeApproximately(figures[level]!.GetValue<double>(), Exact, $"{domain} {level}");
        }
        foreach (var level in (string[])["Hard", "Normal", "Easy"]) groups[level.ToLowerInvariant()].Should().BeApproximately(settled[level]!.GetValue<double>(), Exact, level);
        result.Figures.Overall.Should().BeApproximately(settled["Overall"]!.GetValue<double>(), Exact);
    }

    [SkippableFact]
    public void RewardBench_ScriptsOutput_GivesTheSettledFigures()
    {
        var expected = Goldens.Json("rl", "benchmarks", "benchmarks.json")["reward_bench"]!;
        var settled = expected["settled"]!;

        var result = BenchmarkFiles.Evaluate("reward-bench", Goldens.PathOf("rl", "benchmarks", expected["file"]!.GetValue<string>()));

        result.Count.Should().Be(expected["items"]!.GetValue<int>());
        result.Ties.Should().Be(expected["ties"]!.GetValue<int>());
        var (sections, subsets) = (result.Figures.Groups.ByName(), result.Figures.Details.ByName());
        foreach (var (name, value) in settled["sections"]!.Numbers()) sections[name].Should().BeApproximately(value, Exact, name);
        foreach (var (name, value) in settled["subsets"]!.Numbers()) subsets[name].Should().BeApproximately(value, Exact, name);
        result.Figures.Average.Should().BeApproximately(settled["Score"]!.GetValue<double>(), Exact);
    }
}
