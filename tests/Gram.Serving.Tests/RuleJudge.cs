using Gram.Pipes;
using Gram.Reward.Judging;

namespace Gram.Serving.Tests;

/// <summary>A judge by rule: every pair of texts has a score of its own, so that an answer to another request would be seen.</summary>
internal sealed class RuleJudge : IPairJudge, IDisposable
{
    private TaskCompletionSource? gate;
    private int calls;

    /// <summary>Calls so far.</summary>
    public int Calls => calls;

    /// <summary>Whether it was disposed of.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>A question that it cannot judge.</summary>
    public static string Unreadable => "unreadable";

    /// <summary>From now on calls wait until the gate is opened.</summary>
    public TaskCompletionSource Close() => gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref calls);
        if (gate is { } closed) await closed.Task.WaitAsync(cancellationToken);
        if (pairs.Any(pair => pair.Question == Unreadable)) throw new Gram.Models.GramException("a question is too long for the judge");
        return [.. pairs.Select(ScoreOf)];
    }

    public void Dispose() => IsDisposed = true;

    /// <summary>What it says of a pair: a logistic of the answers' values, a little more for the answer that stands first.</summary>
    public static PairScore ScoreOf(AnswerPair pair)
    {
        if (pair.AnswerA == pair.AnswerB) return PairScore.Tie;
        var difference = ValueOf(pair.Question, pair.AnswerA) - ValueOf(pair.Question, pair.AnswerB);
        return new PairScore(1 / (1 + Math.Exp(-difference - 0.1)), 1 / (1 + Math.Exp(-difference + 0.1)));
    }

    /// <summary>A text's value in [0, 3), by FNV-1a.</summary>
    private static double ValueOf(string question, string answer)
    {
        var hash = 14695981039346656037UL;
        foreach (var letter in $"{question}\0{answer}") hash = unchecked((hash ^ letter) * 1099511628211);
        return (hash >> 11) * 3.0 / (1UL << 53);
    }
}
