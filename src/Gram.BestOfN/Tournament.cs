using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>Ranks the answers of many questions in rounds, each of which is judged as one batch. Sources: GRAM's README (linear scan, divide and conquer), gram.md §7.</summary>
public abstract class Tournament : ITournament
{
    /// <summary>Names that <see cref="ByName"/> accepts.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All(AdaptiveTournament.DefaultConfidence).Select(tournament => tournament.Name)];

    /// <summary>A tournament by its name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="confidence">Where the adaptive one stops: the probability that the leader is the best.</param>
    /// <exception cref="GramException">The name is unknown; the message lists the known ones.</exception>
    public static ITournament ByName(string name, double confidence = AdaptiveTournament.DefaultConfidence) =>
        All(confidence).FirstOrDefault(tournament => tournament.Name == name)
        ?? throw new GramException($"method: '{name}' is not a known tournament; use one of {string.Join(", ", Names)}");

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract long MostComparisons(int answers);

    /// <summary>A contest between the answers to one question.</summary>
    private protected abstract Contest Open(string question, IReadOnlyList<string> answers, int row);

    /// <inheritdoc/>
    /// <exception cref="GramException">An item has no answers; the message gives its number.</exception>
    public async Task<IReadOnlyList<TournamentResult>> RankAsync(IPairJudge judge, IReadOnlyList<(string Question, IReadOnlyList<string> Answers)> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(judge);
        ArgumentNullException.ThrowIfNull(items);
        using var activity = BestOfNTelemetry.Start(Name, items.Count);
        var contests = items.Select((item, i) => Open(item.Question, item.Answers, row: i + 1)).ToList();
        for (var round = 1; ; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var matches = contests.SelectMany(contest => contest.NextRound()).ToList();
            if (matches.Count == 0) break;
            var scores = await judge.ScoreEachAsync([.. matches.Select(match => match.Pair)], cancellationToken);
            foreach (var (match, score) in matches.Zip(scores)) match.Contest.Settle(match, score, round);
        }
        TournamentResult[] results = [.. contests.Select(contest => contest.Result())];
        BestOfNTelemetry.Count(Name, results);
        return results;
    }

    private static ITournament[] All(double confidence) => [new LinearTournament(), new KnockoutTournament(), new RoundRobinTournament(), new AdaptiveTournament(confidence)];
}

/// <summary>The README's linear scan: the best so far meets the next answer; n − 1 comparisons in n − 1 rounds.</summary>
public sealed class LinearTournament : Tournament
{
    /// <inheritdoc/>
    public override string Name => "linear";

    /// <inheritdoc/>
    public override long MostComparisons(int answers) => answers - 1;

    private protected override Contest Open(string question, IReadOnlyList<string> answers, int row) => new EliminationContest(question, answers, row, _ => 1);
}

/// <summary>The README's divide and conquer: neighbours meet, winners go on; n − 1 comparisons in ⌈log₂ n⌉ rounds. An odd last answer passes.</summary>
public sealed class KnockoutTournament : Tournament
{
    /// <inheritdoc/>
    public override string Name => "knockout";

    /// <inheritdoc/>
    public override long MostComparisons(int answers) => answers - 1;

    private protected override Contest Open(string question, IReadOnlyList<string> answers, int row) => new EliminationContest(question, answers, row, remaining => remaining / 2);
}

/// <summary>All pairs in one round: n(n − 1)/2 comparisons, a full ranking by Bradley–Terry strengths.</summary>
public sealed class RoundRobinTournament : Tournament
{
    /// <inheritdoc/>
    public override string Name => "round_robin";

    /// <inheritdoc/>
    public override long MostComparisons(int answers) => (long)answers * (answers - 1) / 2;

    private protected override Contest Open(string question, IReadOnlyList<string> answers, int row) => new RoundRobinContest(question, answers, row);
}

/// <summary>
/// Asks for the most informative pair, one an item and round, and stops when the leader is the best with a given probability: few
/// comparisons where answers differ clearly, up to round robin's n(n − 1)/2 where they do not.
/// </summary>
public sealed class AdaptiveTournament : Tournament
{
    /// <summary>Where it stops unless told.</summary>
    public const double DefaultConfidence = 0.9;

    private readonly double confidence;

    /// <summary>One that stops at a probability that the leader is the best, by the posterior of Bradley–Terry strengths.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The confidence is not between 0 and 1.</exception>
    public AdaptiveTournament(double confidence = DefaultConfidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(confidence, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(confidence, 1);
        this.confidence = confidence;
    }

    /// <inheritdoc/>
    public override string Name => "adaptive";

    /// <inheritdoc/>
    public override long MostComparisons(int answers) => (long)answers * (answers - 1) / 2;

    private protected override Contest Open(string question, IReadOnlyList<string> answers, int row) => new AdaptiveContest(question, answers, row, confidence);
}
