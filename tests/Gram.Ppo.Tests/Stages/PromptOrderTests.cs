using Gram.Models;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;
using Gram.Reward.Data;

namespace Gram.Ppo.Tests.Stages;

public sealed class PromptOrderTests
{
    private static readonly IReadOnlyList<PolicyPrompt> Prompts = [.. Enumerable.Range(0, 7).Select(i => new PolicyPrompt(i, new Prompt("a"), "a", [2]))];

    [Fact]
    public void Next_OverEpochs_TakesEveryPromptOnceAnEpoch()
    {
        var order = new PromptOrder(Prompts, new RandomSource(3));

        var taken = Enumerable.Range(1, 7).SelectMany(step => Indices(order, step, 3)).ToArray(); // 21 = 3 epochs

        foreach (var epoch in taken.Chunk(7)) epoch.Should().BeEquivalentTo(Enumerable.Range(0, 7));
        taken.Take(7).Should().NotEqual(taken.Skip(7).Take(7));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(9)]
    public void Load_OfASavedOrder_GoesOnWhereItStood(int taken)
    {
        var (order, resumed) = (new PromptOrder(Prompts, new RandomSource(3)), new PromptOrder(Prompts, new RandomSource(99)));
        order.Next(1, taken);

        resumed.Load(System.Text.Json.Nodes.JsonNode.Parse(order.Save().ToJsonString())!);

        Indices(resumed, 2, 20).Should().Equal(Indices(order, 2, 20));
    }

    private static int[] Indices(PromptOrder order, int step, int count) => [.. order.Next(step, count).Prompts.Select(prompt => prompt.Index)];
}
