using Gram.Ppo.Events;
using Gram.Training.Runs;

namespace Gram.Host.Progress;

/// <summary>One line a step, one line a notice.</summary>
internal sealed class PlainProgress(TextWriter writer) : ProgressView
{
    public override void Handle(StepLogged message)
    {
        var metrics = string.Join("  ", ProgressColumns.Of(message.Metrics).Select(column => $"{column.Title} {column.Text}"));
        writer.WriteLine($"{message.Job} {message.Step}/{message.TotalSteps}  {metrics}  left {ProgressColumns.TimeLeft(message)}");
    }

    public override void Handle(Notice message) => writer.WriteLine(message.IsWarning ? $"warning: {message.Text}" : message.Text);

    public override void Handle(StageStarted message)
    {
        // A line a step is enough.
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
