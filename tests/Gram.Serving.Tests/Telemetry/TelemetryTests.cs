using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Gram.Serving.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gram.Serving.Tests.Telemetry;

public sealed partial class TelemetryTests
{
    private const string Body = """{"pairs": [{"prompt": "A secret?", "response_a": "Yes.", "response_b": "No."}, {"prompt": "Why?", "response_a": "So.", "response_b": "No."}]}""";

    [Fact]
    public async Task Metrics_AfterRequests_AreWhatPrometheusReads()
    {
        await using var server = await TestServer.StartAsync(new RuleJudge());
        for (var i = 0; i < 3; i++) await server.PostAsync("/v1/compare", Body);
        await server.PostAsync("/v1/compare", "{}");

        var response = await server.Client.GetAsync(new Uri("/metrics", UriKind.Relative));

        response.Content.Headers.ContentType!.ToString().Should().Be("text/plain; version=0.0.4; charset=utf-8");
        var lines = (await response.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n');
        lines.Should().OnlyContain(line => Comment().IsMatch(line) || Sample().IsMatch(line));
        var samples = lines.Where(line => line[0] != '#').ToDictionary(line => line[..line.LastIndexOf(' ')], line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
        samples["gram_judge_pairs_total"].Should().Be(6);
        samples["gram_serving_requests_total{route=\"/v1/compare\",status=\"200\"}"].Should().Be(3);
        samples["gram_serving_requests_total{route=\"/v1/compare\",status=\"400\"}"].Should().Be(1);
        samples["gram_serving_request_duration_seconds_count{route=\"/v1/compare\"}"].Should().Be(3);
        samples["gram_serving_request_duration_seconds_bucket{route=\"/v1/compare\",le=\"+Inf\"}"].Should().Be(3);
        samples["gram_serving_request_duration_seconds_sum{route=\"/v1/compare\"}"].Should().BeGreaterThan(0);
        samples["gram_judge_batch_size_bucket{le=\"1\"}"].Should().Be(0);
        samples["gram_judge_batch_size_bucket{le=\"2\"}"].Should().Be(3);
        samples["gram_judge_queue_size"].Should().Be(0);
        samples["gram_judge_ready"].Should().Be(1);
    }

    [Fact]
    public async Task Meter_ByItsName_TellsAListenerOfPairs()
    {
        var pairs = 0L;
        using var listener = new MeterListener { InstrumentPublished = (instrument, own) => { if (instrument.Meter.Name == "Gram.Serving" && instrument.Name == "gram.judge.pairs") own.EnableMeasurementEvents(instrument); } };
        await using var server = await TestServer.StartAsync(new RuleJudge());
        var own = server.Services.GetRequiredService<ServingTelemetry>().Meter;
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => { if (instrument.Meter == own) Interlocked.Add(ref pairs, value); });
        listener.Start();

        await server.PostAsync("/v1/compare", Body);

        pairs.Should().Be(2);
    }

    [Fact]
    public async Task Activity_ByItsName_IsABatch()
    {
        var batches = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener { ShouldListenTo = source => source.Name == "Gram.Serving", Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData, ActivityStopped = batches.Enqueue };
        ActivitySource.AddActivityListener(listener);
        await using var server = await TestServer.StartAsync(new RuleJudge());

        await server.PostAsync("/v1/compare", Body);

        await Requests.LimitTests.WaitAsync(() => batches.Any(batch => batch.DisplayName == "judge batch" && batch.GetTagItem("gram.pairs") is 2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Log_OfARequest_HoldsItsTextsOnlyWhereAsked(bool logTexts)
    {
        var log = new ListLogger();
        await using var server = await TestServer.StartAsync(new RuleJudge(), new RewardServerOptions { LogTexts = logTexts }, configure: services => services.AddLogging(logging => logging.AddProvider(log).SetMinimumLevel(LogLevel.Trace)));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/compare") { Content = new StringContent(Body, System.Text.Encoding.UTF8, "application/json"), Headers = { { "X-Request-Id", "trainer-7" } } };

        await server.Client.SendAsync(request);
        await server.PostAsync("/v1/compare", """{"pairs": [{"prompt": "A secret?"}]}""");

        await Requests.LimitTests.WaitAsync(() => log.Lines.Any(line => line.Contains("POST /v1/compare 200, 2 pairs", StringComparison.Ordinal) && line.Contains("request trainer-7", StringComparison.Ordinal)));
        log.Lines.Any(line => line.Contains("A secret?", StringComparison.Ordinal)).Should().Be(logTexts);
    }

    [GeneratedRegex("^# (HELP|TYPE) [a-z_]+ .+$")]
    private static partial Regex Comment();

    [GeneratedRegex("""^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.E+-]+$""")]
    private static partial Regex Sample();

    /// <summary>Keeps every line that is logged.</summary>
    private sealed class ListLogger : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose() { }
    }
}
