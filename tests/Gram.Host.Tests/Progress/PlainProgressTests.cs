using Gram.Host.Progress;
using Gram.Training.Runs;

namespace Gram.Host.Tests.Progress;

public sealed class PlainProgressTests
{
    [Fact]
    public void Handle_Step_IsOneLineWithTheMetricsThatPeopleWatch()
    {
        using var writer = new StringWriter();
        var progress = new PlainProgress(writer);

        progress.Handle(new StepLogged("ppo", 10, 10, new Dictionary<string, double> { ["objective/kl"] = 1.234, ["objective/scores"] = 0.5, ["eval/gold"] = 0.75, ["val/ratio"] = 1 }));

        writer.ToString().TrimEnd().Should().Be("ppo 10/10  reward 0.500  KL 1.23  gold 0.750  left 0:00");
    }

    [Fact]
    public void Handle_Warning_IsMarked()
    {
        using var writer = new StringWriter();
        var progress = new PlainProgress(writer);

        progress.Handle(new Notice("12 rows shortened"));
        progress.Handle(new Notice("a step was skipped", IsWarning: true));

        writer.ToString().TrimEnd().Split('\n').Should().Equal("12 rows shortened", "warning: a step was skipped");
    }

    [Theory]
    [InlineData(10, 1, 9, "1:30")]
    [InlineData(3600, 1, 2, "2:00:00")]
    [InlineData(5, 5, 0, "0:00")]
    public void TimeLeft_AtASteadyPace_IsThePaceTimesTheStepsLeft(double elapsedSeconds, int done, int left, string text) =>
        ProgressColumns.TimeLeft(TimeSpan.FromSeconds(elapsedSeconds), done, left).Should().Be(text);
}
