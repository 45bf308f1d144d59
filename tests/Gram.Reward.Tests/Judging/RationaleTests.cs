using Gram.Reward.Judging;

namespace Gram.Reward.Tests.Judging;

public sealed class RationaleTests
{
    [Fact]
    public void FirstShare_IsTheWeightOfVotesForTheFirstLabel()
    {
        // 0.9 and 0.6 vote for the first label, 0.2 for the second with weight 0.8.
        Rationale.FirstShare([new("", 0.9), new("", 0.6), new("", 0.2)]).Should().BeApproximately(1.5 / 2.3, 1e-12);
        Rationale.FirstShare([new("", 0.5)]).Should().Be(0.5);
        Rationale.FirstShare([new("", 0.51)]).Should().Be(1);
        Rationale.FirstShare([new("", 0.7), new("", 0.3)]).Should().BeApproximately(0.5, 1e-12);
    }
}
