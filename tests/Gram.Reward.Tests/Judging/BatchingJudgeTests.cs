using System.Threading.Channels;
using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Reward.Tests.Judging;

public sealed class BatchingJudgeTests
{
    [Fact]
    public async Task Score_RequestsThatWaitTogether_AreOneBatchEachWithItsOwnScores()
    {
        var inner = new GatedJudge();
        await using var judge = new BatchingJudge(inner);
        var first = judge.ScoreAsync([Pair(0)]).AsTask();
        await inner.Called.WaitAsync();

        var waiting = Enumerable.Range(1, 20).Select(i => judge.ScoreAsync([Pair(i), Pair(i + 100)]).AsTask()).ToList();
        await inner.LetGoAsync(2);

        (await first).Single().PAb.Should().Be(Expected(0));
        for (var i = 0; i < waiting.Count; i++) (await waiting[i]).Select(score => score.PAb).Should().Equal(Expected(i + 1), Expected(i + 101));
        inner.Calls.Should().Equal(1, 40);
        judge.Batches.Should().Be(2);
        inner.Threads.Distinct().Should().HaveCount(1, "a device is driven by one thread");
    }

    [Fact]
    public async Task Score_MorePairsThanABatchTakes_AreJudgedInSeveral()
    {
        var inner = new GatedJudge();
        await using var judge = new BatchingJudge(inner, maxPairs: 4);
        var first = judge.ScoreAsync([Pair(0)]).AsTask();
        await inner.Called.WaitAsync();

        var waiting = Enumerable.Range(1, 6).Select(i => judge.ScoreAsync([Pair(i), Pair(i + 100)]).AsTask()).ToList();
        await inner.LetGoAsync(4);

        await Task.WhenAll([first, .. waiting]);
        inner.Calls.Should().Equal(1, 4, 4, 4);
    }

    [Fact]
    public async Task Score_OneBadPair_FailsItsOwnCallerAlone()
    {
        var inner = new GatedJudge();
        await using var judge = new BatchingJudge(inner);
        var first = judge.ScoreAsync([Pair(0)]).AsTask();
        await inner.Called.WaitAsync();

        var good = judge.ScoreAsync([Pair(1)]).AsTask();
        var bad = judge.ScoreAsync([Pair(2), new("too long", "x", "y")]).AsTask();
        await inner.LetGoAsync(4);

        (await good).Single().PAb.Should().Be(Expected(1));
        await bad.Invoking(task => task).Should().ThrowAsync<GramException>().WithMessage("*too long*");
        await first;
    }

    [Fact]
    public async Task Score_CancelledWhileItWaits_IsNotJudged()
    {
        var inner = new GatedJudge();
        await using var judge = new BatchingJudge(inner);
        var first = judge.ScoreAsync([Pair(0)]).AsTask();
        await inner.Called.WaitAsync();
        using var cancel = new CancellationTokenSource();

        var cancelled = judge.ScoreAsync([Pair(1)], cancel.Token).AsTask();
        var other = judge.ScoreAsync([Pair(2)]).AsTask();
        await cancel.CancelAsync();
        await inner.LetGoAsync(2);

        await cancelled.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        await Task.WhenAll(first, other);
        inner.Calls.Should().Equal(1, 1);
    }

    [Fact]
    public async Task Dispose_FailsWhatWaitsAndWhatComes()
    {
        var inner = new GatedJudge();
        var judge = new BatchingJudge(inner);
        var running = judge.ScoreAsync([Pair(0)]).AsTask();
        await inner.Called.WaitAsync();
        var waiting = judge.ScoreAsync([Pair(1)]).AsTask();

        await judge.DisposeAsync();
        await judge.DisposeAsync();

        await running.Invoking(task => task).Should().ThrowAsync<ObjectDisposedException>();
        await waiting.Invoking(task => task).Should().ThrowAsync<ObjectDisposedException>();
        await judge.Invoking(async disposed => await disposed.ScoreAsync([Pair(2)])).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Complete_JudgesWhatWaitsAndTakesNoMore()
    {
        var inner = new GatedJudge();
        await using var judge = new BatchingJudge(inner, maxPairs: 2);
        var waiting = Enumerable.Range(0, 5).Select(i => judge.ScoreAsync([Pair(i)]).AsTask()).ToList();
        await inner.Called.WaitAsync();

        var complete = judge.CompleteAsync();
        await judge.Invoking(async closed => await closed.ScoreAsync([Pair(9)])).Should().ThrowAsync<ObjectDisposedException>();
        await inner.LetGoAsync(5);
        await complete;

        for (var i = 0; i < waiting.Count; i++) (await waiting[i]).Single().PAb.Should().Be(Expected(i));
        judge.Waiting.Should().Be(0);
    }

    private static AnswerPair Pair(int i) => new($"{i}", "yes", "no");

    private static double Expected(int i) => i / 1000.0;

    /// <summary>Scores the question's number, when it is let go.</summary>
    private sealed class GatedJudge : IPairJudge
    {
        private readonly Channel<bool> going = Channel.CreateUnbounded<bool>();

        public SemaphoreSlim Called { get; } = new(0);
        public List<int> Calls { get; } = [];
        public List<int> Threads { get; } = [];

        public async Task LetGoAsync(int calls)
        {
            await Task.Delay(20); // what was written is in the channel; the worker waits at the gate
            for (var call = 0; call < calls; call++) going.Writer.TryWrite(true);
        }

        public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
        {
            Calls.Add(pairs.Count);
            Threads.Add(Environment.CurrentManagedThreadId);
            Called.Release();
            await going.Reader.ReadAsync(cancellationToken);
            if (pairs.Any(pair => pair.Question == "too long")) throw new GramException("the question is too long");
            return [.. pairs.Select(pair => new PairScore(Expected(int.Parse(pair.Question, System.Globalization.CultureInfo.InvariantCulture)), 0))];
        }
    }
}
