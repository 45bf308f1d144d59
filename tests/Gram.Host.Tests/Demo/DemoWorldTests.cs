using Gram.Host.Demo;
using Gram.Models;

namespace Gram.Host.Tests.Demo;

public class DemoWorldTests
{
    private readonly DemoWorld world = new(seed: 42);

    [Fact]
    public void Parts_AreDisjointAndMakeUpTheWorld()
    {
        var all = new[] { world.Policy, world.Judge, world.JudgeHeldOut, world.Ppo, world.Eval }.SelectMany(part => part).ToList();

        all.Should().OnlyHaveUniqueItems();
        all.ToHashSet().SetEquals(HelpDesk.Messages()).Should().BeTrue();
    }

    [Fact]
    public void Parts_SameSeed_AreTheSame()
    {
        new DemoWorld(42).Eval.Should().Equal(world.Eval);
        new DemoWorld(43).Eval.Should().NotEqual(world.Eval);
    }

    [Fact]
    public void Subject_OfEveryMessage_IsWhatItWasMadeOf()
    {
        foreach (var product in HelpDesk.Products)
            foreach (var problem in HelpDesk.Problems)
                foreach (var frame in HelpDesk.Frames)
                    HelpDesk.Subject(HelpDesk.Message(frame, "my son's", product, problem)).Should().Be((product, problem));
    }

    [Fact]
    public void Replies_OfTheClerks_AreMiddling()
    {
        var scores = DemoWorld.Replies(world.Policy, 2, new RandomSource(1)).Select(pair => GoldRule.Score(pair.Message, pair.Reply)).ToList();

        scores.Average().Should().BeInRange(0.25, 0.5);
        scores.Count(score => score == 1).Should().BeInRange(scores.Count / 40, scores.Count / 6);
    }

    [Fact]
    public void Pairs_CarryTheirShareOfWrongLabels()
    {
        var pairs = DemoWorld.Pairs(world.Judge, 4000, DemoWorld.LabelNoise, new RandomSource(2)).ToList();

        pairs.Should().HaveCount(4000);
        pairs.Select(pair => pair.Message).Should().BeSubsetOf(world.Judge);
        var wrong = pairs.Count(pair => GoldRule.Score(pair.Message, pair.Chosen) < GoldRule.Score(pair.Message, pair.Rejected));
        // Five standard deviations of a binomial with 4000 draws of 0.1.
        wrong.Should().BeInRange(305, 495);
    }

    [Fact]
    public void Pairs_WithoutNoise_AreAsTheGoldRuleSays() =>
        DemoWorld.Pairs(world.JudgeHeldOut, 500, noise: 0, new RandomSource(3))
            .Should().OnlyContain(pair => GoldRule.Score(pair.Message, pair.Chosen) > GoldRule.Score(pair.Message, pair.Rejected));
}
