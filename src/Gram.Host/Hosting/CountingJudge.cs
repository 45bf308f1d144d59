using System.Text.Json.Nodes;
using Gram.Reward.Judging;

namespace Gram.Host.Hosting;

/// <summary>A judge that counts what it is asked and remembers what it answered: a pair asked for again costs nothing.</summary>
internal sealed class CountingJudge(IPairJudge judge) : IPairJudge
{
    private readonly Dictionary<AnswerPair, PairScore> known = [];

    /// <summary>Pairs that the judge behind it was asked for.</summary>
    public int Comparisons => known.Count;

    /// <summary>Mean order disagreement of those pairs.</summary>
    public double OrderDisagreement => known.Count == 0 ? 0 : known.Values.Average(score => score.OrderDisagreement);

    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var asked = pairs.Where(pair => pair.AnswerA != pair.AnswerB && !known.ContainsKey(pair)).Distinct().ToList();
        foreach (var (pair, score) in asked.Zip(await judge.ScoreAsync(asked, cancellationToken))) known.Add(pair, score);
        return [.. pairs.Select(pair => known.GetValueOrDefault(pair, PairScore.Tie))];
    }

    /// <summary>What --json says of a judging command.</summary>
    public JsonObject Report(int count, long shortened, int dropped, double seconds) => Report(count, Comparisons, OrderDisagreement, shortened, dropped, seconds, Comparisons / seconds);

    /// <summary>The same, of comparisons that were counted elsewhere.</summary>
    public static JsonObject Report(int count, long comparisons, double orderDisagreement, long shortened, int dropped, double seconds, double pairsPerSecond) => new()
    {
        ["count"] = count,
        ["comparisons"] = comparisons,
        ["seconds"] = seconds,
        ["pairs_per_s"] = pairsPerSecond,
        ["order_disagreement"] = orderDisagreement,
        ["shortened"] = shortened,
        ["dropped"] = dropped,
    };
}
