using System.Threading.Channels;

namespace Gram.Pipes.Tests;

public class PipeTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task WriteAsync_FullPipe_WaitsForTheReader()
    {
        using Pipe<int> pipe = new(capacity: 2);
        await pipe.WriteAsync(1);
        await pipe.WriteAsync(2);

        var third = pipe.WriteAsync(3).AsTask();
        third.IsCompleted.Should().BeFalse("two are in flight");
        (await pipe.ReadAsync()).Should().Be(1);

        await third.WaitAsync(Soon);
    }

    [Fact]
    public async Task ReadAllAsync_GivesItemsInOrderUntilComplete()
    {
        using Pipe<int> pipe = new(capacity: 1);
        var writer = Task.Run(async () =>
        {
            for (var i = 0; i < 5; i++) await pipe.WriteAsync(i);
            pipe.Complete();
        });

        List<int> read = [];
        await foreach (var item in pipe.ReadAllAsync()) read.Add(item);
        await writer;

        read.Should().Equal(0, 1, 2, 3, 4);
    }

    [Fact]
    public async Task Complete_WithAnError_ThrowsItAtTheReader()
    {
        using Pipe<int> pipe = new(capacity: 1);
        await pipe.WriteAsync(1);
        pipe.Complete(new InvalidDataException("row 3"));

        (await pipe.ReadAsync()).Should().Be(1, "what was written before is still read");
        var read = async () =>
        {
            await foreach (var _ in pipe.ReadAllAsync()) { }
        };
        await read.Should().ThrowAsync<InvalidDataException>().WithMessage("row 3");
    }

    [Fact]
    public async Task ReadAsync_Ended_ThrowsChannelClosed()
    {
        using Pipe<int> pipe = new(capacity: 1);
        pipe.Complete();

        await pipe.Awaiting(p => p.ReadAsync().AsTask()).Should().ThrowAsync<ChannelClosedException>();
    }

    [Fact]
    public async Task WriteAsync_Cancelled_LeavesTheItemToItsWriter()
    {
        using Pipe<Item> pipe = new(capacity: 1);
        using CancellationTokenSource source = new();
        Item first = new(), second = new();
        await pipe.WriteAsync(first);
        var write = pipe.WriteAsync(second, source.Token).AsTask();
        await source.CancelAsync();

        await write.Awaiting(w => w).Should().ThrowAsync<OperationCanceledException>();

        (await pipe.ReadAsync()).Should().BeSameAs(first, "the item itself passes, not a copy");
        second.IsDisposed.Should().BeFalse();
    }

    [Fact]
    public async Task Dispose_FreesWhatNobodyTookAndReleasesWaitingWriters()
    {
        Pipe<Item> pipe = new(capacity: 1);
        Item taken = new(), waiting = new(), refused = new();
        await pipe.WriteAsync(taken);
        (await pipe.ReadAsync()).Should().BeSameAs(taken);
        await pipe.WriteAsync(waiting);
        var write = pipe.WriteAsync(refused).AsTask();

        pipe.Dispose();

        await write.Awaiting(w => w.WaitAsync(Soon)).Should().ThrowAsync<ChannelClosedException>();
        (taken.IsDisposed, waiting.IsDisposed, refused.IsDisposed).Should().Be((false, true, false));
    }

    private sealed class Item : IDisposable
    {
        public bool IsDisposed { get; private set; }
        public void Dispose() => IsDisposed = true;
    }
}
