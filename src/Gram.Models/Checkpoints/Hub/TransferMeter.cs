using System.Diagnostics;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>Adds up what parallel transfers receive, and reports it: at most once a second and once for each percent, and at the end.</summary>
internal sealed class TransferMeter(long total, Action<DownloadProgress>? report)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly Lock gate = new();
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private long received, before, reported;
    private TimeSpan reportedAt;

    /// <summary>Counts bytes that were on disk already.</summary>
    public void AddEarlier(long bytes)
    {
        lock (gate)
        {
            before += bytes;
            received += bytes;
        }
    }

    /// <summary>Counts bytes that arrived; fewer than none where some had to be thrown away.</summary>
    public void Add(long bytes)
    {
        lock (gate)
        {
            received += bytes;
            var isDue = clock.Elapsed - reportedAt >= Interval && received - reported >= total / 100;
            if (!isDue && received != total) return;
            (reported, reportedAt) = (received, clock.Elapsed);
            report?.Invoke(new(received, total, before, clock.Elapsed));
        }
    }
}
