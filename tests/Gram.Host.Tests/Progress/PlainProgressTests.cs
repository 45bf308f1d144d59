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

        progress.Handle(new StepLogged("ppo", 10, 10, new Dictionary<string, double> { ["objective/kl"] = -0.001, ["objective/scores"] = -0.5, ["eval/gold"] = 0.75, ["val/ratio"] = 1 }));

        writer.ToString().TrimEnd().Should().Be("ppo 10/10  reward -0.500  KL 0.00  gold 0.750  left 0:00");
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
    [InlineData(10, 0, 100, 20, "left 3:00")] // 2 s a step, 90 steps
    [InlineData(110, 100, 200, 20, "left 3:00")] // resumed: only the steps since then took the time
    [InlineData(100, 100, 200, 0, "left ?")] // an evaluation that was interrupted
    [InlineData(1, 0, 7201, 1, "left 2:00:00")]
    [InlineData(100, 0, 100, 20, "left 0:00")]
    public void Handle_LoggedStep_EstimatesTheTimeLeftFromTheStepsDone(int step, int before, int total, int seconds, string left)
    {
        using var writer = new StringWriter();
        var progress = new PlainProgress(writer);

        progress.Handle(new StepLogged("train", step, total, new Dictionary<string, double> { ["loss"] = 0.5 }) { StepsBefore = before, Elapsed = TimeSpan.FromSeconds(seconds) });

        writer.ToString().Should().Be($"train {step}/{total}  loss 0.5000  {left}{Environment.NewLine}");
    }
}
