using Gram.Ppo.Mathematics;
using Gram.Ppo.Runs;

namespace Gram.Ppo.Tests;

public sealed class RunHealthTests
{
    private readonly RunHealth health = new();

    [Theory]
    [InlineData("gram/logprob_gap_max", 0.04, 0.06, "differ by up to 0.06*float32")]
    [InlineData("gram/marker_rate", 0.01, 0.05, "5.0*imitate the judge's markers*")]
    [InlineData("policy/entropy_avg", 2.0, 0.2, "entropy fell from 2 to 0.2*")]
    [InlineData("gram/reward_length_correlation", 0.2, -0.8, "rewards follow the answers' length, correlation -0.60*")]
    [InlineData("gram/order_disagreement", 0.2, 0.4, "two orders differ by 0.32*")]
    [InlineData("val/var_explained", 0.1, -0.5, "explains less than a constant would, -0.14*")]
    public void Check_MetricThatGoesWrong_SaysItOnceWithWhatToTry(string metric, double well, double ill, string expected)
    {
        for (var step = 1; step <= 8; step++) Check(step, (metric, well)).Should().BeEmpty();

        var said = Enumerable.Range(9, 8).SelectMany(step => Check(step, (metric, ill))).ToArray();

        said.Should().ContainSingle().Which.Should().Match($"step *: *{expected}*");
    }

    [Fact]
    public void Check_ValueModelThatHasJustBegun_IsLeftInPeace()
    {
        for (var step = 1; step <= 9; step++) Check(step, ("val/var_explained", -1)).Should().BeEmpty();

        Check(10, ("val/var_explained", -1)).Should().ContainSingle();
    }

    [Fact]
    public void Check_KlThatRunsAway_IsSaidAndSteadyKlIsNot()
    {
        for (var step = 1; step <= 20; step++) Check(step, ("objective/kl", 12)).Should().BeEmpty();

        Check(21, ("objective/kl", 25)).Should().ContainSingle().Which.Should().Match("step 21: KL from the reference is 25 nats a response, and was 12 5 steps ago*ppo_target*");
    }

    [Fact]
    public void Check_WinRateThatRisesWhileGoldFalls_IsSaid()
    {
        Check(1, ("eval/win_rate_vs_initial", 0.5), ("eval/gold", 0.6), ("eval/gold_low", 0.55), ("eval/gold_high", 0.65)).Should().BeEmpty();
        Check(2, ("eval/win_rate_vs_initial", 0.7), ("eval/gold", 0.58), ("eval/gold_low", 0.53), ("eval/gold_high", 0.63)).Should().BeEmpty("the intervals overlap");

        Check(3, ("eval/win_rate_vs_initial", 0.9), ("eval/gold", 0.4), ("eval/gold_low", 0.35), ("eval/gold_high", 0.45))
            .Should().ContainSingle().Which.Should().Match("step 3: the judge's win rate rose to 0.90 while gold fell to 0.40*");
    }

    [Fact]
    public void Correlation_KnownNumbers_IsPearsons()
    {
        // Deviations (−1, 0, 1) and (−4/3, −1/3, 5/3): 3 / √(2 · 42/9).
        Correlation.Of([1, 2, 3], [0, 1, 3]).Should().BeApproximately(3 / Math.Sqrt(2 * 42 / 9.0), 1e-12);
        Correlation.Of([1, 2, 3], [-2, -4, -6]).Should().BeApproximately(-1, 1e-12);
        Correlation.Of([1, 2, 3], [5, 5, 5]).Should().Be(0);
    }

    private string[] Check(int step, params (string Name, double Value)[] metrics) =>
        [.. health.Check(step, metrics.ToDictionary(metric => metric.Name, metric => metric.Value)).Select(notice => notice.Text)];
}
