namespace Gram.Pipes.Tests;

public class DeviceThreadTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task RunAsync_EverythingAwaited_RunsOnOneThreadThatIsNotTheCallers()
    {
        HashSet<int> threads = [];

        var result = await DeviceThread.RunAsync(async () =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            await Task.Delay(1);
            threads.Add(Environment.CurrentManagedThreadId);
            await Task.Run(() => { });
            threads.Add(Environment.CurrentManagedThreadId);
            return 5;
        }).WaitAsync(Soon);

        result.Should().Be(5);
        threads.Should().ContainSingle().Which.Should().NotBe(Environment.CurrentManagedThreadId);
    }

    [Fact]
    public async Task RunAsync_StagesJoinedByAPipe_ShareTheThread()
    {
        HashSet<int> threads = [];

        var sum = await DeviceThread.RunAsync(async () =>
        {
            using Pipe<int> pipe = new(capacity: 2);
            var consumer = Consume();
            await Task.WhenAll(Produce(), consumer);
            return await consumer;

            async Task Produce()
            {
                for (var i = 1; i <= 100; i++)
                {
                    await pipe.WriteAsync(i);
                    threads.Add(Environment.CurrentManagedThreadId);
                }
                pipe.Complete();
            }

            async Task<int> Consume()
            {
                var total = 0;
                await foreach (var item in pipe.ReadAllAsync())
                {
                    total += item;
                    threads.Add(Environment.CurrentManagedThreadId);
                }
                return total;
            }
        }).WaitAsync(Soon);

        sum.Should().Be(5050);
        threads.Should().ContainSingle();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RunAsync_FunctionThrows_RethrowsTheSameError(bool afterAwait)
    {
        var run = () => DeviceThread.RunAsync<int>(async () =>
        {
            if (afterAwait) await Task.Yield();
            throw new InvalidDataException("bad");
        }).WaitAsync(Soon);

        await run.Should().ThrowAsync<InvalidDataException>().WithMessage("bad");
    }

    [Fact]
    public async Task RunAsync_ThrowsBeforeItsFirstTask_Rethrows()
    {
        var run = () => DeviceThread.RunAsync<int>(() => throw new InvalidDataException("bad")).WaitAsync(Soon);

        await run.Should().ThrowAsync<InvalidDataException>();
    }

    [Fact]
    public async Task RunAsync_Cancelled_IsCancelled()
    {
        using CancellationTokenSource source = new();
        var run = DeviceThread.RunAsync(async () =>
        {
            await Task.Delay(Timeout.Infinite, source.Token);
            return 0;
        });
        await source.CancelAsync();

        await run.Awaiting(r => r.WaitAsync(Soon)).Should().ThrowAsync<OperationCanceledException>();
        run.IsCanceled.Should().BeTrue();
    }

    [Fact]
    public async Task RunAsync_ManyInARow_NeverDeadlocks()
    {
        for (var i = 0; i < 200; i++)
        {
            (await DeviceThread.RunAsync(async () =>
            {
                await Task.Run(() => { });
                return i;
            }).WaitAsync(Soon)).Should().Be(i);
        }
    }

    [Fact]
    public async Task RunAsync_WorkLeftBehind_StillEndsElsewhere()
    {
        TaskCompletionSource gate = new(), done = new();
        await DeviceThread.RunAsync(() =>
        {
            _ = Straggle();
            return Task.FromResult(0);
        }).WaitAsync(Soon);

        gate.SetResult();

        await done.Task.WaitAsync(Soon);

        async Task Straggle()
        {
            await gate.Task;
            done.SetResult();
        }
    }
}
