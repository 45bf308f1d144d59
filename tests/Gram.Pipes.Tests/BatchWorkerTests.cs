namespace Gram.Pipes.Tests;

public sealed class BatchWorkerTests
{
    [Fact]
    public async Task Run_CostBeyondTheBudget_OpensAnotherBatch()
    {
        var work = new GatedWork();
        await using var worker = new BatchWorker<int, int>(work.RunAsync, new BatchOptions { MaxCost = 10 }) { Cost = item => item };
        var first = worker.RunAsync([1]).AsTask();
        await work.Called.WaitAsync();

        Task<IReadOnlyList<int>>[] waiting = [worker.RunAsync([6]).AsTask(), worker.RunAsync([4]).AsTask(), worker.RunAsync([5]).AsTask(), worker.RunAsync([50]).AsTask()];
        work.Open();

        (await first).Should().Equal(-1);
        (await Task.WhenAll(waiting)).Select(results => results.Single()).Should().Equal(-6, -4, -5, -50);
        work.Batches.Select(batch => batch.Sum()).Should().Equal(1, 10, 5, 50);
    }

    [Fact]
    public async Task Run_AfterAPause_WaitsForCompany()
    {
        var work = new GatedWork();
        work.Open();
        await using var worker = new BatchWorker<int, int>(work.RunAsync, new BatchOptions { Gather = TimeSpan.FromSeconds(20), MaxItems = 3 });

        Task<IReadOnlyList<int>>[] alone = [worker.RunAsync([1]).AsTask(), worker.RunAsync([2]).AsTask()];
        await Task.Delay(100);
        work.Batches.Should().BeEmpty("the batch is not full");
        await worker.RunAsync([3]);
        await Task.WhenAll(alone);

        work.Batches.Should().HaveCount(1);
        work.Batches[0].Should().Equal(1, 2, 3);
    }

    [Fact]
    public async Task Run_NobodyComes_GoesAfterTheWait()
    {
        var work = new GatedWork();
        work.Open();
        await using var worker = new BatchWorker<int, int>(work.RunAsync, new BatchOptions { Gather = TimeSpan.FromMilliseconds(30) });

        (await worker.RunAsync([1])).Should().Equal(-1);
    }

    [Fact]
    public async Task Run_WhereNoRoomIs_IsRefusedUntilThereIs()
    {
        var work = new GatedWork();
        await using var worker = new BatchWorker<int, int>(work.RunAsync, new BatchOptions { MaxWaiting = 3 });
        var first = worker.RunAsync([1]).AsTask();
        await work.Called.WaitAsync();
        var second = worker.RunAsync([2, 3]).AsTask();

        worker.CheckRoom();
        (await worker.Invoking(async full => await full.RunAsync([4, 5])).Should().ThrowAsync<OverloadedException>()).Which.RetryAfter.Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1));
        var third = worker.RunAsync([6]).AsTask();
        worker.Invoking(full => full.CheckRoom()).Should().Throw<OverloadedException>();
        worker.Waiting.Should().Be(3);
        work.Open();

        await Task.WhenAll(first, second, third);
        worker.Waiting.Should().Be(0);
        (await worker.RunAsync([7, 8, 9, 10])).Should().Equal([-7, -8, -9, -10], "a request larger than all that may wait goes when nothing does");
    }

    [Fact]
    public async Task Run_BadItem_FailsItsOwnCallerAlone()
    {
        var work = new GatedWork();
        await using var worker = new BatchWorker<int, int>(work.RunAsync, new BatchOptions()) { IsCallers = error => error is ArgumentException };
        var first = worker.RunAsync([1]).AsTask();
        await work.Called.WaitAsync();
        var (good, bad) = (worker.RunAsync([2]).AsTask(), worker.RunAsync([GatedWork.Bad]).AsTask());
        work.Open();

        (await good).Should().Equal(-2);
        await bad.Invoking(task => task).Should().ThrowAsync<ArgumentException>();
        await first;
    }

    [Fact]
    public async Task Done_TellsOfEveryBatch()
    {
        var reports = new List<BatchReport>();
        var work = new GatedWork();
        work.Open();
        await using var worker = new BatchWorker<int, int>(work.RunAsync, new BatchOptions()) { Cost = item => item, Done = reports.Add };

        await worker.RunAsync([3, 4]);

        reports.Should().ContainSingle();
        (reports[0].Requests, reports[0].Items, reports[0].Cost).Should().Be((1, 2, 7));
        reports[0].Took.Should().BeGreaterThan(TimeSpan.Zero);
        worker.Batches.Should().Be(1);
    }

    [Fact]
    public async Task Run_WorkThatLosesItems_FailsItsCallers()
    {
        await using var worker = new BatchWorker<int, int>((_, _) => ValueTask.FromResult<IReadOnlyList<int>>([1]), new BatchOptions());

        (await worker.Invoking(losing => losing.RunAsync([1, 2]).AsTask()).Should().ThrowAsync<InvalidOperationException>()).WithMessage("*2 items got 1 results*");
    }

    /// <summary>Negates, once its gate is open.</summary>
    private sealed class GatedWork
    {
        public const int Bad = 13;

        private readonly TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SemaphoreSlim Called { get; } = new(0);
        public List<IReadOnlyList<int>> Batches { get; } = [];

        public void Open() => gate.SetResult();

        public async ValueTask<IReadOnlyList<int>> RunAsync(IReadOnlyList<int> items, CancellationToken cancellationToken)
        {
            Batches.Add(items);
            Called.Release();
            await gate.Task.WaitAsync(cancellationToken);
            return items.Contains(Bad) ? throw new ArgumentException("bad") : [.. items.Select(item => -item)];
        }
    }
}
