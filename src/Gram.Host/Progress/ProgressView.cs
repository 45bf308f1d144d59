using Gram.Pipes.Events;
using Gram.Ppo.Events;
using Gram.Training.Runs;

namespace Gram.Host.Progress;

/// <summary>Shows a run while it goes, on standard error: a live table for a person at a terminal, plain lines otherwise.</summary>
internal abstract class ProgressView : IMessageHandler<StepLogged>, IMessageHandler<Notice>, IMessageHandler<StageStarted>, IAsyncDisposable
{
    /// <summary>The view that fits standard error.</summary>
    public static ProgressView Create() =>
        Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") is "dumb" ? new PlainProgress(Console.Error) : new LiveProgress();

    public abstract void Handle(StepLogged message);

    public abstract void Handle(Notice message);

    public abstract void Handle(StageStarted message);

    public abstract ValueTask DisposeAsync();
}
