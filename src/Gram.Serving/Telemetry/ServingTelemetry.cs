using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gram.Pipes;
using Gram.Reward.Serving;

namespace Gram.Serving.Telemetry;

/// <summary>What a reward server measures. The names are documented in docs/serving.md; OpenTelemetry takes them by <see cref="Name"/>.</summary>
public sealed class ServingTelemetry : IDisposable
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "Gram.Serving";

    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] };
    private static readonly InstrumentAdvice<int> Sizes = new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] };

    private readonly ActivitySource source = new(Name);
    private readonly ServedJudge judge;
    private readonly Counter<long> requests, pairs, tokens, reloads;
    private readonly Histogram<double> durations, waits, batchDurations;
    private readonly Histogram<int> batchSizes;
    private readonly long start = Stopwatch.GetTimestamp();
    private long requestsAnswered, pairsJudged;

    /// <summary>Begins to measure.</summary>
    public ServingTelemetry(ServedJudge judge)
    {
        this.judge = judge;
        Meter = new Meter(Name);
        requests = Meter.CreateCounter<long>("gram.serving.requests", "{request}", "Requests answered, by route and status.");
        pairs = Meter.CreateCounter<long>("gram.judge.pairs", "{pair}", "Pairs judged.");
        tokens = Meter.CreateCounter<long>("gram.judge.tokens", "{token}", "Tokens of the pairs judged, had each been judged alone.");
        reloads = Meter.CreateCounter<long>("gram.judge.reloads", "{reload}", "Reloads of the judge, by outcome.");
        durations = Meter.CreateHistogram("gram.serving.request.duration", "s", "Time from a request for pairs to its answer, by route.", advice: Seconds);
        waits = Meter.CreateHistogram("gram.judge.queue.duration", "s", "Time that the oldest request of a batch waited for it.", advice: Seconds);
        batchDurations = Meter.CreateHistogram("gram.judge.batch.duration", "s", "Time that a batch took.", advice: Seconds);
        batchSizes = Meter.CreateHistogram("gram.judge.batch.size", "{pair}", "Pairs of a batch.", advice: Sizes);
        Meter.CreateObservableGauge("gram.judge.queue.size", () => judge.Waiting, "{pair}", "Pairs that wait for their batch.");
        Meter.CreateObservableGauge("gram.judge.ready", () => judge.IsReady ? 1 : 0, description: "Whether a judge is loaded.");
        Meter.CreateObservableCounter("gram.judge.prefix.reused", () => judge.ReusedTokens, "{token}", "Tokens that were not computed because earlier pairs began with them.");
        Meter.CreateObservableCounter("gram.judge.shortened", () => judge.Shortened, "{pair}", "Pairs whose answers were shortened to fit the judge's context.");
        judge.Judged += Batch;
        judge.Reloaded += Reload;
    }

    /// <summary>The server's own meter.</summary>
    public Meter Meter { get; }

    /// <summary>Requests answered so far.</summary>
    public long Requests => Volatile.Read(ref requestsAnswered);

    /// <summary>Pairs judged so far.</summary>
    public long Pairs => Volatile.Read(ref pairsJudged);

    /// <summary>Time since the server began to measure.</summary>
    public TimeSpan Uptime => Stopwatch.GetElapsedTime(start);

    /// <summary>Counts a request.</summary>
    internal void Request(string route, int status, int asked, TimeSpan took)
    {
        Interlocked.Increment(ref requestsAnswered);
        requests.Add(1, new("route", route), new("status", status));
        if (asked > 0) durations.Record(took.TotalSeconds, new KeyValuePair<string, object?>("route", route));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        judge.Judged -= Batch;
        judge.Reloaded -= Reload;
        Meter.Dispose();
        source.Dispose();
    }

    private void Reload(bool succeeded) => reloads.Add(1, new KeyValuePair<string, object?>("outcome", succeeded ? "done" : "failed"));

    private void Batch(BatchReport batch)
    {
        Interlocked.Add(ref pairsJudged, batch.Items);
        pairs.Add(batch.Items);
        tokens.Add(batch.Cost);
        batchSizes.Record(batch.Items);
        batchDurations.Record(batch.Took.TotalSeconds);
        waits.Record(batch.Waited.TotalSeconds);
        using var activity = source.StartActivity("judge batch", ActivityKind.Internal, parentContext: default, startTime: DateTimeOffset.UtcNow - batch.Took);
        activity?.SetTag("gram.requests", batch.Requests).SetTag("gram.pairs", batch.Items).SetTag("gram.tokens", batch.Cost);
    }
}
