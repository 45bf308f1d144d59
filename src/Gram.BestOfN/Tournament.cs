using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>
/// An elimination tournament: in each round some neighbours among the answers still in meet, and the losers leave.
/// What sets the kinds apart is how many pairs meet in a round. Sources: GRAM's README (linear scan, divide and
/// conquer), gram.md §7.
/// </summary>
public abstract class Tournament : ITournament
{
    private static readonly ITournament[] Known = [new LinearTournament(), new KnockoutTournament()];

    /// <summary>Names that <see cref="ByName"/> accepts.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Known.Select(tournament => tournament.Name)];

    /// <summary>A tournament by its name.</summary>
    /// <exception cref="GramException">The name is unknown; the message lists the known ones.</exception>
    public static ITournament ByName(string name) =>
        Known.FirstOrDefault(tournament => tournament.Name == name)
        ?? throw new GramException($"method: '{name}' is not a known tournament; use one of {string.Join(", ", Names)}");

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>How many pairs of neighbours, from the front, meet in a round with this many answers still in.</summary>
    protected abstract int PairsInRound(int remaining);

    /// <inheritdoc/>
    /// <exception cref="GramException">An item has no answers; the message gives its number.</exception>
    public async Task<IReadOnlyList<TournamentResult>> RankAsync(IPairJudge judge, IReadOnlyList<(string Question, IReadOnlyList<string> Answers)> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(judge);
        ArgumentNullException.ThrowIfNull(items);
        var contests = items.Select((item, i) => new Contest(item.Question, item.Answers, row: i + 1)).ToList();
        for (var round = 1; ; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var matches = contests.SelectMany(contest => contest.Pairs(PairsInRound(contest.Remaining))).ToList();
            if (matches.Count == 0) break;
            var scores = await judge.ScoreAsync([.. matches.Select(match => match.Pair)], cancellationToken);
            foreach (var (match, score) in matches.Zip(scores)) match.Contest.Settle(match.A, match.B, score.ScoreA, round);
        }
        return [.. contests.Select(contest => contest.Result())];
    }
}

/// <summary>The README's linear scan: the best so far meets the next answer; n − 1 comparisons in n − 1 rounds.</summary>
public sealed class LinearTournament : Tournament
{
    /// <inheritdoc/>
    public override string Name => "linear";
    /// <inheritdoc/>
    protected override int PairsInRound(int remaining) => 1;
}

/// <summary>The README's divide and conquer: neighbours meet, winners go on; n − 1 comparisons in ⌈log₂ n⌉ rounds. An odd last answer passes.</summary>
public sealed class KnockoutTournament : Tournament
{
    /// <inheritdoc/>
    public override string Name => "knockout";
    /// <inheritdoc/>
    protected override int PairsInRound(int remaining) => remaining / 2;
}
