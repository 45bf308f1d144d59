using System.Globalization;
using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Examples.EventPlugin;

/// <summary>A sink of one's own: every metric of every step as a line of METRICS_CSV, where that is set.</summary>
public sealed class CsvMetrics : IMessageHandler<StepLogged>, IDisposable
{
    private readonly StreamWriter? file = Environment.GetEnvironmentVariable("METRICS_CSV") is { Length: > 0 } path ? new StreamWriter(path) : null;

    /// <inheritdoc/>
    public void Handle(StepLogged message)
    {
        foreach (var (name, value) in message.Metrics) file?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{message.Job},{message.Step},{name},{value}"));
    }

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();
}
