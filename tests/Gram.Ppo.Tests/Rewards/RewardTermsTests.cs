using Gram.Models;
using Gram.Ppo.Rewards;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;

namespace Gram.Ppo.Tests.Rewards;

public sealed class RewardTermsTests
{
    private static readonly string Plugin = Path.Combine(AppContext.BaseDirectory, "Gram.Examples.RewardPlugin.dll");

    [Fact]
    public void Of_NoKeys_IsTheJudgeAlone()
    {
        using var terms = RewardTerms.Of(StageWorld.Options, []);

        terms.All.Should().BeEmpty();
    }

    [Fact]
    public async Task Of_Plugin_HasItsClasses()
    {
        using var terms = RewardTerms.Of(StageWorld.Options with { RewardPlugins = [Plugin] }, []);

        var term = terms.All.Should().ContainSingle().Subject;
        term.Name.Should().Be("repetition");
        // Two of four words were there before.
        (await term.RewardAsync([Request("a b a A"), Request("a b c"), Request("")])).Should().Equal(-0.5, 0, 0);
    }

    [Fact]
    public void Of_AllKinds_HaveTheirNames()
    {
        using var terms = RewardTerms.Of(
            StageWorld.Options with { RewardPlugins = [Plugin], RewardServers = ["http://127.0.0.1:1/get_reward", "safety=https://example.org/r?a=b"], RewardWeights = ["length=0.5", "judge=0", "safety=-1"] },
            [new OwnReward("own", _ => 0)]);

        terms.All.Select(term => term.Name).Should().Equal("own", "length", "repetition", "server", "safety");
    }

    /// <summary>Free up to 4 tokens, −1 at 8.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 0)]
    [InlineData(5, -0.25)]
    [InlineData(8, -1)]
    [InlineData(9, -1)]
    public async Task LengthPenalty_Tokens_CostMoreAndMore(int tokens, double expected)
    {
        using var terms = RewardTerms.Of(StageWorld.Options with { RewardWeights = ["length=1"], LengthPenaltyFrom = 4 }, []);

        (await terms.All.Single().RewardAsync([Request("", tokens)])).Should().Equal(expected);
    }

    /// <summary>Samples of 4 and 8 tokens where 5 are wanted, by hand: the mean is a fifth too long. The reference is no sample, and has its own price.</summary>
    [Fact]
    public async Task MeanLength_LongSamples_CostByTheirShareOfTheExcess()
    {
        using var terms = RewardTerms.Of(StageWorld.Options with { LengthTarget = 5 }, []);

        terms.All.Single().Name.Should().Be("mean_length");
        var rewards = await terms.All.Single().RewardAsync([Request("", 4), Request("", 8), Request("", 2) with { IsReference = true }]);
        rewards.Zip([0.04, -0.12, 0.12]).Should().OnlyContain(pair => Math.Abs(pair.First - pair.Second) < 1e-12);
    }

    /// <summary>Its differences between samples are those of the gradient of −½((m − L)/L)²: (m − L)/L² for each token, N times the derivative by one length.</summary>
    [Fact]
    public async Task MeanLength_Rewards_AreTheSquaredExcessesDerivative()
    {
        int[] lengths = [3, 9, 4, 7, 8];
        double Objective(double longer) => -0.5 * Math.Pow(((lengths.Sum() + longer) / lengths.Length / 5) - 1, 2);
        using var terms = RewardTerms.Of(StageWorld.Options with { LengthTarget = 5 }, []);

        var rewards = await terms.All.Single().RewardAsync([.. lengths.Select(tokens => Request("", tokens))]);

        var derivative = lengths.Length * (Objective(1e-5) - Objective(-1e-5)) / 2e-5;
        (rewards[1] - rewards[0]).Should().BeApproximately((lengths[1] - lengths[0]) * derivative, 1e-8);
    }

    /// <summary>By hand: pairs ab, bc, cd; ab; xy. 4 of 5 differ; the first has 2½ of its 3, the second ½ of its 1, the third all of its own.</summary>
    [Fact]
    public async Task Distinct2_PairsThatOthersHaveToo_CostTheirShare()
    {
        var rewards = await DistinctOf(Request("a b c d"), Request("a b"), Request("x y") with { Tokens = 9 }, Request("a b c d e f") with { IsReference = true });

        rewards.Zip([0.06, -0.18, 0.12, 0]).Should().OnlyContain(pair => Math.Abs(pair.First - pair.Second) < 1e-12);
    }

    /// <summary>Fails where the prompt's own words count: two answers to it would seem alike.</summary>
    [Fact]
    public async Task Distinct2_AnswerPrefix_IsNotTheSamplesOwn()
    {
        var prompt = new Prompt("p") { AnswerPrefix = "the film is " };

        var rewards = await DistinctOf(Request("the film is a b a b") with { Prompt = prompt }, Request("the film is c d e f") with { Prompt = prompt });

        rewards.Should().Equal(await DistinctOf(Request("a b a b"), Request("c d e f")));
        Distinct2.Written(prompt, "the film is").Should().BeEmpty();
    }

    [Fact]
    public async Task Distinct2_NoPairs_IsNone() => (await DistinctOf(Request("a"), Request(""))).Should().Equal(0, 0);

    [Theory]
    [InlineData(0.8, "a b c d", "a b", "x y")]
    [InlineData(0.5, "a a a")]
    [InlineData(0, "a", "")]
    public void Distinct2_OfTexts_IsTheShareOfDifferentPairs(double expected, params string[] texts) => Distinct2.Of(texts).Should().Be(expected);

    /// <summary>Beside brute force on texts at random: shares are Shapley's, over all orders in which the samples could come, less what as many pairs have on average; they add up to 0.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Distinct2_Texts_HaveShapleysShareOfTheDistinctPairs(int seed)
    {
        var random = new Random(seed);
        string[] texts = [.. Enumerable.Range(0, 5).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Next(3))))];
        static IEnumerable<string> Pairs(string text) => text.Split(' ').Zip(text.Split(' ').Skip(1), (one, other) => $"{one} {other}");
        var (all, orders) = (texts.SelectMany(Pairs).ToList(), Orders([0, 1, 2, 3, 4]).ToList());
        var distinct = (double)all.Distinct().Count() / all.Count;

        var rewards = await DistinctOf([.. texts.Select(text => Request(text))]);

        rewards.Sum().Should().BeApproximately(0, 1e-12);
        for (var i = 0; i < texts.Length; i++)
        {
            var share = orders.Average(order => Pairs(texts[i]).Except(order.TakeWhile(other => other != i).SelectMany(other => Pairs(texts[other]))).Count());
            rewards[i].Should().BeApproximately((share - (distinct * Pairs(texts[i]).Count())) * texts.Length / all.Count, 1e-12);
        }

        static IEnumerable<int[]> Orders(int[] items) => items.Length == 0 ? [[]] : items.SelectMany(first => Orders([.. items.Where(item => item != first)]).Select(rest => (int[])[first, .. rest]));
    }

    [Theory]
    [InlineData("reward_weights: 'judge' is no weight*", "judge")]
    [InlineData("reward_weights: 'judge=much' is no weight*", "judge=much")]
    [InlineData("reward_weights: 'judge=NaN' is no weight*", "judge=NaN")]
    [InlineData("reward_weights: '=1' is no weight*", "=1")]
    [InlineData("reward_weights: judge has two weights*", "judge=1", "judge=2")]
    [InlineData("reward_weights: there is no term lenght; this run has judge, and length where it has a weight, and distinct_2 where it has a weight, and mean_length with length_target", "lenght=1")]
    [InlineData("reward_weights: there is no term mean_length; this run has judge, and length where it has a weight, and distinct_2 where it has a weight, and mean_length with length_target", "mean_length=1")]
    public void Of_WrongWeights_SaysSo(string message, params string[] weights) => ShouldFail(StageWorld.Options with { RewardWeights = weights }, message);

    [Theory]
    [InlineData("reward_servers: 'localhost:5000' is no address*", "localhost:5000")]
    [InlineData("reward_servers: 'ftp://host/x' is no address*", "ftp://host/x")]
    [InlineData("two reward terms are called server*", "http://a/", "http://b/")]
    [InlineData("two reward terms are called judge*", "judge=http://a/")]
    public void Of_WrongServers_SaysSo(string message, params string[] servers) => ShouldFail(StageWorld.Options with { RewardServers = servers }, message);

    [Fact]
    public void Of_WrongPlugins_SaysSo()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllText(folder.File("text.dll"), "no assembly");

        ShouldFail(StageWorld.Options with { RewardPlugins = ["nowhere.dll"] }, "reward_plugins: nowhere.dll: no such file*Gram.Ppo.Rewards.IReward");
        ShouldFail(StageWorld.Options with { RewardPlugins = [folder.File("text.dll")] }, "reward_plugins: *text.dll cannot be loaded*");
        ShouldFail(StageWorld.Options with { RewardPlugins = [typeof(GramException).Assembly.Location] }, "reward_plugins: *Gram.Models.dll has no public class that implements Gram.Ppo.Rewards.IReward*");
    }

    [Fact]
    public void Of_NameThatIsNone_SaysSo()
    {
        var make = () => RewardTerms.Of(StageWorld.Options, [new OwnReward("a/b", _ => 0)]);

        make.Should().Throw<GramException>().WithMessage("a reward term is called 'a/b'*");
    }

    private static async Task<IReadOnlyList<double>> DistinctOf(params RewardRequest[] requests)
    {
        using var terms = RewardTerms.Of(StageWorld.Options with { RewardWeights = ["distinct_2=2"] }, []);
        terms.All.Single().Name.Should().Be("distinct_2");
        return await terms.All.Single().RewardAsync(requests);
    }

    private static RewardRequest Request(string response, int tokens = 1) => new(new Prompt("p"), "p", response, response, "r", tokens, true);

    private static void ShouldFail(PpoOptions options, string message)
    {
        var make = () => RewardTerms.Of(options, []);

        make.Should().Throw<GramException>().WithMessage(message).Which.Message.Should().NotContain("\n");
    }
}
