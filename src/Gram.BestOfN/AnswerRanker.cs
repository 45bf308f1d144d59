using Gram.Reward.Judging;
using Microsoft.Extensions.Logging;

namespace Gram.BestOfN;

/// <summary>Ranks answers in an application: the tournament of its options, asked of its judge.</summary>
/// <param name="tournament">The tournament.</param>
/// <param name="judge">The judge.</param>
/// <param name="logger">Told of every ranking.</param>
public sealed partial class AnswerRanker(ITournament tournament, IPairJudge judge, ILogger<AnswerRanker> logger)
{
    /// <summary>Ranks the answers to one question.</summary>
    /// <exception cref="Models.GramException">There are no answers, or they cannot be judged.</exception>
    public async Task<TournamentResult> RankAsync(string question, IReadOnlyList<string> answers, CancellationToken cancellationToken = default) =>
        (await RankAsync([(question, answers)], cancellationToken))[0];

    /// <summary>Ranks the answers to many questions, each round of all of them judged as one batch.</summary>
    /// <exception cref="Models.GramException">A question has no answers, or they cannot be judged.</exception>
    public async Task<IReadOnlyList<TournamentResult>> RankAsync(IReadOnlyList<(string Question, IReadOnlyList<string> Answers)> items, CancellationToken cancellationToken = default)
    {
        var results = await tournament.RankAsync(judge, items, cancellationToken);
        var comparisons = results.Sum(result => result.Comparisons.Count);
        LogRanked(results.Count, tournament.Name, comparisons);
        return results;
    }

    [LoggerMessage(EventId = 1, EventName = "Ranked", Level = LogLevel.Debug, Message = "{Questions} questions ranked by {Tournament}, {Comparisons} comparisons")]
    private partial void LogRanked(int questions, string tournament, int comparisons);
}
