using Gram.Host.Demo;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Reward.Judging;

namespace Gram.Host.Tests.Demo;

public class ShippedModelsTests
{
    [Fact]
    public void Models_Together_AreAtMostTenMegabytes() =>
        Directory.GetFiles(DemoDefaults.PolicyDirectory).Concat(Directory.GetFiles(DemoDefaults.JudgeDirectory))
            .Sum(file => new FileInfo(file).Length).Should().BeInRange(1, 10_000_000);

    [Fact]
    public async Task Judge_OnHeldOutPairs_AgreesWithTheGoldRule()
    {
        var pairs = DemoWorld.Pairs(DemoDefaults.World.JudgeHeldOut, 400, noise: 0, new RandomSource(1));

        var (accuracy, disagreement) = await DemoCheck.JudgeAsync(DemoDefaults.JudgeDirectory, pairs);

        accuracy.Mean.Should().BeGreaterThanOrEqualTo(0.85);
        disagreement.Should().BeLessThan(0.2);
    }

    [Fact]
    public void Judge_ComesWithItsOwnShortPrompt() =>
        GramConfig.Read(DemoDefaults.JudgeDirectory).Should().BeEquivalentTo(new { Prompt = DemoDefaults.JudgePrompt, Labels = new[] { " A", " B" }, Template = "none" });

    [Fact]
    public void Policy_BeforePpo_WritesRepliesOfMiddlingQuality()
    {
        var gold = DemoCheck.Gold(DemoDefaults.PolicyDirectory, DemoDefaults.World.Eval, new RandomSource(1));

        gold.Mean.Should().BeInRange(0.2, 0.5);
    }

    [Fact]
    public void Models_AreSmallQwen3() =>
        new[] { DemoDefaults.PolicyDirectory, DemoDefaults.JudgeDirectory }.Select(directory => ModelConfig.Read(directory).ModelType).Should().AllBe("qwen3");
}
