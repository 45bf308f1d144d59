using System.Diagnostics;
using Gram.Ppo.Events;
using Gram.Training.Runs;

namespace Gram.Host.Progress;

/// <summary>One line a step, one line a notice.</summary>
internal sealed class PlainProgress(TextWriter writer) : ProgressView
{
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private string? job;
    private int firstStep;

    public override void Handle(StepLogged message)
    {
        if (message.Job != job)
        {
            (job, firstStep) = (message.Job, message.Step - 1);
            clock.Restart();
        }
        var metrics = string.Join("  ", ProgressColumns.Of(message.Metrics).Select(column => $"{column.Title} {column.Text}"));
        var left = ProgressColumns.TimeLeft(clock.Elapsed, message.Step - firstStep, message.TotalSteps - message.Step);
        writer.WriteLine($"{message.Job} {message.Step}/{message.TotalSteps}  {metrics}  left {left}");
    }

    public override void Handle(Notice message) => writer.WriteLine(message.IsWarning ? $"warning: {message.Text}" : message.Text);

    public override void Handle(StageStarted message)
    {
        // A line a step is enough.
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
