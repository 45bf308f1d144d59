using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Gram.BestOfN;

/// <summary>What tournaments measure; docs/extending.md lists the names. OpenTelemetry takes them by <see cref="Name"/>.</summary>
public static class BestOfNTelemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "Gram.BestOfN";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> Questions = Meter.CreateCounter<long>("gram.best_of_n.questions", "{question}", "Questions whose answers were ranked, by tournament.");
    private static readonly Counter<long> Comparisons = Meter.CreateCounter<long>("gram.best_of_n.comparisons", "{comparison}", "Comparisons made, by tournament.");

    /// <summary>Begins the activity of a tournament.</summary>
    internal static Activity? Start(string tournament, int questions) => Source.StartActivity("tournament")?.SetTag("gram.tournament", tournament).SetTag("gram.questions", questions);

    /// <summary>Counts what a tournament did.</summary>
    internal static void Count(string tournament, IReadOnlyList<TournamentResult> results)
    {
        var tag = new KeyValuePair<string, object?>("tournament", tournament);
        Questions.Add(results.Count, tag);
        Comparisons.Add(results.Sum(result => (long)result.Comparisons.Count), tag);
    }
}
