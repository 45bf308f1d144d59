using Gram.Models.Checkpoints;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static Gram.Ppo.Tests.Support.TensorAssertions;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Mathematics;

public sealed class AdvantagesTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Rloo_TwoQueriesInAnyOrder_IsRewardMinusTheOthersMean() =>
        Advantages.Rloo([1, 10, 2, 30, 6], [0, 7, 0, 7, 0]).Should().BeEquivalentTo([1 - 4.0, 10 - 30.0, 2 - 3.5, 30 - 10.0, 6 - 1.5], o => o.WithStrictOrdering());

    [Fact]
    public void Rloo_AnyRewards_SumToZeroWithinAQuery()
    {
        var random = new Gram.Models.RandomSource(8);
        double[] rewards = [.. Enumerable.Range(0, 12).Select(_ => random.NextDouble())];
        int[] queries = [.. Enumerable.Range(0, 12).Select(i => i % 3)];

        var advantages = Advantages.Rloo(rewards, queries);

        for (var query = 0; query < 3; query++) advantages.Where((_, i) => queries[i] == query).Sum().Should().BeApproximately(0, 1e-12);
    }

    [Fact]
    public void Grpo_TwoQueries_StandardisesEachAndLeavesEqualRewardsAtZero()
    {
        // 1, 2, 6: mean 3, squares 4 + 1 + 9 = 14, Bessel's variance 7.
        var deviation = Math.Sqrt(7) + 1e-4;
        var advantages = Advantages.Grpo([1, 0.1, 2, 0.1, 6, 0.1], [4, 2, 4, 2, 4, 2]);

        advantages.Zip([-2 / deviation, 0, -1 / deviation, 0, 3 / deviation, 0]).Should().AllSatisfy(pair => pair.First.Should().BeApproximately(pair.Second, 1e-12));
        advantages.Where((_, i) => i % 2 == 1).Should().AllBeEquivalentTo(0.0);
    }

    [Fact]
    public void Gae_TwoTokens_FollowsTheRecursion()
    {
        // δ_1 = 1 − 0.5 = 0.5; δ_0 = 0 + 0.5·0.5 − 0.25 = 0; A_1 = 0.5, A_0 = 0 + 0.5·0.8·0.5 = 0.2; returns = A + V.
        var (advantages, returns) = Advantages.Gae(Floats([0, 1]), Floats([0.25f, 0.5f]), Mask([1, 1]), gamma: 0.5, lambda: 0.8);

        advantages.ShouldBeNear(Floats([0.2f, 0.5f]), 1e-7);
        returns.ShouldBeNear(Floats([0.45f, 1.0f]), 1e-7);
    }

    [Fact]
    public void Gae_ValueAfterTheLastToken_IsZero()
    {
        // The value at the padding position must not be bootstrapped from: A_0 = r_0 − V_0.
        var (advantages, _) = Advantages.Gae(Floats([1, 7, float.NaN]), Floats([0.25f, 1000, float.NaN]), Mask([1, 0, 0]), 1, 0.95);

        advantages.ShouldBeNear(Floats([0.75f, 0, 0]), 1e-7);
    }

    [Fact]
    public void Gae_UndiscountedWithoutValues_IsTheRewardToGo()
    {
        var (advantages, returns) = Advantages.Gae(Floats([1, 2, 3], [4, 5, 99]), zeros(2, 3), Mask([1, 1, 1], [1, 1, 0]), 1, 1);

        advantages.ShouldBeNear(Floats([6, 5, 3], [9, 5, 0]), 0);
        returns.ShouldBeNear(Floats([6, 5, 3], [9, 5, 0]), 0);
    }

    [Theory]
    [InlineData(1.0, 0.95)]
    [InlineData(0.9, 0.7)]
    [InlineData(0.99, 0.0)]
    public void Gae_AnyRollout_EqualsTheQuadraticSum(double gamma, double lambda)
    {
        var random = new Gram.Models.RandomSource(5);
        const int rows = 6, tokens = 9;
        double[,] r = new double[rows, tokens], v = new double[rows, tokens], expected = new double[rows, tokens];
        var mask = new bool[rows, tokens];
        for (var i = 0; i < rows; i++)
        {
            var length = random.Next(tokens + 1);
            for (var t = 0; t < tokens; t++) (r[i, t], v[i, t], mask[i, t]) = (random.NextGaussian(), random.NextGaussian(), t < length);
            for (var t = 0; t < length; t++)
                for (var s = t; s < length; s++)
                    expected[i, t] += Math.Pow(gamma * lambda, s - t) * (r[i, s] + (s + 1 < length ? gamma * v[i, s + 1] : 0) - v[i, s]);
        }

        var (advantages, _) = Advantages.Gae(from_array(r), from_array(v), from_array(mask), gamma, lambda);

        advantages.ShouldBeNear(from_array(expected), 1e-12);
    }

    [Fact]
    public void Remax_DiscountedRewards_AreSummedToTheEnd()
    {
        // Greedy baseline already subtracted from the last reward: A_1 = 2, A_0 = −1 + 0.5·2 = 0.
        Advantages.Remax(Floats([-1, 2, 50]), Mask([1, 1, 0]), 0.5).ShouldBeNear(Floats([0, 2, 0]), 0);
    }

    [Fact]
    public void Gae_ManyCalls_LeakNoTensors()
    {
        var (rewards, values, mask) = (rand(3, 5), rand(3, 5), ones(3, 5, dtype: ScalarType.Bool));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        var (advantages, returns) = Advantages.Gae(rewards, values, mask, 1, 0.95);

        (DisposeScopeManager.Statistics.ThreadTotalLiveCount - before).Should().Be(2);
        advantages.Dispose();
        returns.Dispose();
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [InlineData("f32", 3e-6, 1e-5)]
    [InlineData("f64", 1e-12, 1e-6)]
    public void Gae_Goldens_EqualTrl(string type, double tolerance, double whitenedTolerance)
    {
        var grid = Goldens.Json("rl", "gae", "gae.json")["grid"]!.AsArray();
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "gae", "gae.safetensors"));
        var dtype = type == "f64" ? float64 : float32;
        var (rewards, values, mask) = (file.Load("rewards", dtype), file.Load("values", dtype), file.Load("mask").to(ScalarType.Bool));

        for (var i = 0; i < grid.Count; i++)
        {
            var (advantages, returns) = Advantages.Gae(rewards, values, mask, grid[i]![0]!.GetValue<double>(), grid[i]![1]!.GetValue<double>());
            advantages.ShouldBeNear(file.Load($"{i}.f64.advantages"), tolerance);
            advantages.ShouldBeNear(file.Load($"{i}.brute.advantages"), tolerance);
            returns.ShouldBeNear(file.Load($"{i}.f64.returns"), tolerance);
            Whitening.Whiten(advantages, mask).ShouldBeNear(file.Load($"{i}.f64.whitened"), whitenedTolerance);
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Remax_Goldens_EqualTheLoopWithoutValues()
    {
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "gae", "gae.safetensors"));
        var (rewards, mask) = (file.Load("rewards"), file.Load("mask").to(ScalarType.Bool));

        foreach (var name in file.Names.Where(name => name.StartsWith("remax.g", StringComparison.Ordinal) && name.EndsWith(".f64", StringComparison.Ordinal)))
            Advantages.Remax(rewards, mask, double.Parse(name["remax.g".Length..^".f64".Length])).ShouldBeNear(file.Load(name), 3e-6);
    }
}
