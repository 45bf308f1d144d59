using Gram.Training.Optimisation;

namespace Gram.Training.Tests.Optimisation;

public class LearningRateScheduleTests
{
    [Fact]
    public void Cosine_WithWarmup_StartsAtZeroPeaksAndEndsAtZero()
    {
        double[] rates = [.. Enumerable.Range(0, 7).Select(step => LearningRateSchedule.At(LrSchedulerType.Cosine, 1, step, totalSteps: 6, warmupSteps: 2))];

        rates[0].Should().Be(0);
        rates[1].Should().Be(0.5);
        rates[2].Should().Be(1);
        rates[4].Should().BeApproximately(0.5, 1e-15);
        rates[6].Should().BeApproximately(0, 1e-15);
    }

    [Fact]
    public void Constant_HasNoWarmup() =>
        LearningRateSchedule.At(LrSchedulerType.Constant, 3e-5, step: 0, totalSteps: 10, warmupSteps: 5).Should().Be(3e-5);

    [Theory]
    [InlineData(LrSchedulerType.Constant, 5, true)]
    [InlineData(LrSchedulerType.Constant, 0, false)]
    [InlineData(LrSchedulerType.ConstantWithWarmup, 5, false)]
    [InlineData(LrSchedulerType.Cosine, 5, false)]
    public void UnusedWarmup_IsOneThatTheScheduleLacks(LrSchedulerType type, int warmupSteps, bool isUnused) =>
        (LearningRateSchedule.UnusedWarmup(type, warmupSteps) is not null).Should().Be(isUnused);

    [Theory]
    [InlineData(0.1, 11, 2)]
    [InlineData(0.1, 10, 1)]
    [InlineData(0, 10, 0)]
    public void WarmupSteps_RoundsUp(double ratio, int total, int expected) =>
        LearningRateSchedule.WarmupSteps(ratio, total).Should().Be(expected);

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void At_Goldens_AreEqual()
    {
        var golden = Goldens.Json("rl", "schedule", "schedule.json");
        var baseRate = (double)golden["base_lr"]!;
        foreach (var (name, trace) in golden["traces"]!.AsObject())
        {
            var parts = name.Split('.');
            var type = Enum.Parse<LrSchedulerType>(parts[0].Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
            var warmup = int.Parse(parts[1]["warmup".Length..]);
            var total = parts.FirstOrDefault(part => part.StartsWith("total", StringComparison.Ordinal)) is { } text ? int.Parse(text["total".Length..]) : (int)golden["total_steps"]!;
            foreach (var (rate, step) in trace!.AsArray().Select((value, step) => ((double)value!, step)))
            {
                LearningRateSchedule.At(type, baseRate, step, total, warmup).Should().BeApproximately(rate, 1e-12 * baseRate, $"{name}, step {step}");
            }
        }
        foreach (var item in golden["warmup_steps"]!.AsArray().Select(item => item!.AsObject()))
        {
            LearningRateSchedule.WarmupSteps((double)item["ratio"]!, (int)item["total"]!).Should().Be((int)item["steps"]!, item.ToJsonString());
        }
    }
}
