using Gram.Models.Kernels;

namespace Gram.Models.Tests.Kernels;

public sealed class TeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Take_StageAfterStage_GivesEveryUnitToOneMember(int members)
    {
        var team = new Team(members);
        var taken = new int[3][];
        for (var stage = 0; stage < 3; stage++) taken[stage] = new int[10 + stage];

        team.Run(member =>
        {
            foreach (var units in taken)
            {
                while (team.Take(member, units.Length, 4, out var from, out var to))
                    for (var unit = from; unit < to; unit++) Interlocked.Increment(ref units[unit]);
                team.Barrier();
            }
        });

        taken.Should().AllSatisfy(units => units.Should().AllBeEquivalentTo(1));
    }

    [Fact]
    public void Barrier_BetweenStages_ShowsEveryMemberWhatTheOthersWrote()
    {
        var team = new Team(3);
        var (written, sums) = (new int[3], new int[3]);

        for (var run = 1; run <= 200; run++)
        {
            team.Run(member =>
            {
                written[member] = run;
                team.Barrier();
                sums[member] = written.Sum();
            });
            sums.Should().Equal(3 * run, 3 * run, 3 * run);
        }
    }

    [Fact]
    public void Run_MemberFails_TellsTheCaller()
    {
        var team = new Team(2);
        var run = () => team.Run(member =>
        {
            if (member == 1) throw new ArgumentException("broken");
        });

        run.Should().Throw<InvalidOperationException>().WithInnerException<ArgumentException>();
        team.Run(_ => { });
    }
}
