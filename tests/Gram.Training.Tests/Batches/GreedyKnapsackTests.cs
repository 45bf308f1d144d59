using Gram.Models;
using Gram.Training.Batches;

namespace Gram.Training.Tests.Batches;

public sealed class GreedyKnapsackTests
{
    [Fact]
    public void Pack_LongestThatFits_OfEqualOnesTheLast() =>
        GreedyKnapsack.Pack([3, 5, 2, 5, 4, 1], 8).Should().BeEquivalentTo((int[][])[[3, 0], [1, 2, 5], [4]], options => options.WithStrictOrdering());

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Pack_RandomLengths_HoldsEachOnceAndNoRowTooMuch(ulong seed)
    {
        var random = new RandomSource(seed);
        int[] lengths = [.. Enumerable.Range(0, 2500).Select(_ => 1 + random.Next(64))];

        var rows = GreedyKnapsack.Pack(lengths, 64);

        rows.SelectMany(row => row).Order().Should().Equal(Enumerable.Range(0, lengths.Length));
        rows.Should().OnlyContain(row => row.Sum(example => lengths[example]) <= 64);
        rows[0].Max().Should().BeLessThan(1000, "so many are packed together");
        ((double)lengths.Sum() / (64 * rows.Count)).Should().BeGreaterThan(0.9);
    }

    [Fact]
    public void Pack_LongerThanARow_IsAnError() => FluentActions.Invoking(() => GreedyKnapsack.Pack([9], 8)).Should().Throw<ArgumentException>().WithMessage("*9 tokens*8*");

    [Fact]
    public void Pack_Nothing_IsNoRow() => GreedyKnapsack.Pack([], 8).Should().BeEmpty();

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Pack_GoldenLengths_GivesLlamaFactorysKnapsacks()
    {
        foreach (var item in Goldens.Json("rl", "llamafactory", "packing.json")["greedy_knapsack"]!.AsArray())
        {
            int[] lengths = [.. item!["lengths"]!.AsArray().Select(length => length!.GetValue<int>())];

            var rows = GreedyKnapsack.Pack(lengths, item["capacity"]!.GetValue<int>());

            rows.Select(row => row.Select(example => lengths[example]).ToArray()).Should().BeEquivalentTo(
                item["knapsacks"]!.AsArray().Select(row => row!.AsArray().Select(length => length!.GetValue<int>()).ToArray()), options => options.WithStrictOrdering());
        }
    }
}
