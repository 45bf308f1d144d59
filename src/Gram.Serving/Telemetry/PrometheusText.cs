using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Gram.Serving.Telemetry;

/// <summary>Gathers what a server's meter measures, and writes it as Prometheus reads it (text format 0.0.4).</summary>
internal sealed class PrometheusText : IDisposable
{
    public const string MediaType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MeterListener listener = new();
    private readonly ConcurrentDictionary<Instrument, ConcurrentDictionary<string, Series>> instruments = [];

    public PrometheusText(ServingTelemetry telemetry)
    {
        listener.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Meter != telemetry.Meter) return;
            instruments[instrument] = [];
            own.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.Start();
    }

    public void Dispose() => listener.Dispose();

    /// <summary>All series, sorted by name.</summary>
    public string Write()
    {
        listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var (instrument, series) in instruments.OrderBy(pair => NameOf(pair.Key), StringComparer.Ordinal))
        {
            var name = NameOf(instrument);
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description}\n# TYPE {name} {TypeOf(instrument)}\n");
            foreach (var (labels, values) in series.OrderBy(pair => pair.Key, StringComparer.Ordinal)) values.Write(text, name, labels);
        }
        return text.ToString();
    }

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new StringBuilder();
        foreach (var (key, tag) in tags) labels.Append(labels.Length > 0 ? "," : "").Append(key.Replace('.', '_')).Append("=\"").Append(Escaped(Convert.ToString(tag, CultureInfo.InvariantCulture) ?? "")).Append('"');
        instruments[instrument].GetOrAdd(labels.ToString(), _ => new Series(BucketsOf(instrument))).Record(value, isTotal: instrument.IsObservable);
    }

    private static string Escaped(string label) => label.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string NameOf(Instrument instrument) =>
        instrument.Name.Replace('.', '_') + (instrument.Unit == "s" ? "_seconds" : "") + (TypeOf(instrument) == "counter" ? "_total" : "");

    private static string TypeOf(Instrument instrument) => instrument switch
    {
        Histogram<double> or Histogram<int> => "histogram",
        Counter<long> or ObservableCounter<long> => "counter",
        _ => "gauge",
    };

    private static IReadOnlyList<double>? BucketsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries ?? [],
        Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound).ToArray() ?? [],
        _ => null,
    };

    /// <summary>The value of one set of labels, or its buckets.</summary>
    private sealed class Series(IReadOnlyList<double>? bounds)
    {
        private readonly Lock gate = new();
        private readonly long[] counts = new long[(bounds?.Count ?? 0) + 1];
        private double sum;

        public void Record(double value, bool isTotal)
        {
            lock (gate)
            {
                sum = isTotal ? value : sum + value;
                if (bounds is null) return;
                var bucket = 0;
                while (bucket < bounds.Count && value > bounds[bucket]) bucket++;
                counts[bucket]++;
            }
        }

        public void Write(StringBuilder text, string name, string labels)
        {
            lock (gate)
            {
                if (bounds is null)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{name}{Braced(labels)} {sum}\n");
                    return;
                }
                var count = 0L;
                for (var bucket = 0; bucket <= bounds.Count; bucket++)
                {
                    count += counts[bucket];
                    var bound = bucket < bounds.Count ? bounds[bucket].ToString(CultureInfo.InvariantCulture) : "+Inf";
                    text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced($"{labels}{(labels.Length > 0 ? "," : "")}le=\"{bound}\"")} {count}\n");
                }
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced(labels)} {sum}\n{name}_count{Braced(labels)} {count}\n");
            }
        }

        private static string Braced(string labels) => labels.Length > 0 ? $"{{{labels}}}" : "";
    }
}
