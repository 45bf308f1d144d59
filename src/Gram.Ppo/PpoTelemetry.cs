using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Gram.Ppo;

/// <summary>What PPO runs measure; docs/extending.md lists the names. OpenTelemetry takes them by <see cref="Name"/>.</summary>
public static class PpoTelemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "Gram.Ppo";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> Steps = Meter.CreateCounter<long>("gram.ppo.steps", "{step}", "PPO steps done.");
    private static readonly Histogram<double> Stages = Meter.CreateHistogram<double>("gram.ppo.stage.duration", "s", "Time of a step's stage, by stage.");

    /// <summary>Begins the activity of a run.</summary>
    internal static Activity? StartRun(PpoOptions options) => Source.StartActivity("ppo run")?.SetTag("gram.model", options.ModelNameOrPath).SetTag("gram.output_dir", options.OutputDir);

    /// <summary>Begins the activity of a stage.</summary>
    internal static Activity? StartStage(string stage, int step) => Source.StartActivity(stage)?.SetTag("gram.step", step);

    /// <summary>Counts a step with the times of its stages.</summary>
    internal static void Count(IReadOnlyDictionary<string, double> seconds)
    {
        Steps.Add(1);
        foreach (var (stage, time) in seconds) Stages.Record(time, new KeyValuePair<string, object?>("stage", stage));
    }
}
