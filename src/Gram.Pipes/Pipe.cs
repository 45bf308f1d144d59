using System.Threading.Channels;

namespace Gram.Pipes;

/// <summary>A bounded pipe: work flows one way, a full pipe holds its writer back, and what is read is owned by the reader.</summary>
/// <typeparam name="T">What flows. Disposable items pass by ownership: the writer gives them up, the reader disposes them.</typeparam>
/// <param name="capacity">Most items in flight.</param>
public sealed class Pipe<T>(int capacity) : IDisposable
{
    private readonly Channel<T> channel = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { SingleReader = true });

    /// <summary>Hands an item over; waits while the pipe is full.</summary>
    public ValueTask WriteAsync(T item, CancellationToken cancellationToken = default) => channel.Writer.WriteAsync(item, cancellationToken);

    /// <summary>Takes the next item; waits while the pipe is empty. Throws ChannelClosedException at the end.</summary>
    public ValueTask<T> ReadAsync(CancellationToken cancellationToken = default) => channel.Reader.ReadAsync(cancellationToken);

    /// <summary>Takes items until the writer has completed the pipe; an error given to Complete is thrown here.</summary>
    public IAsyncEnumerable<T> ReadAllAsync(CancellationToken cancellationToken = default) => channel.Reader.ReadAllAsync(cancellationToken);

    /// <summary>Says that nothing more comes, because of an error if one is given.</summary>
    public void Complete(Exception? error = null) => channel.Writer.TryComplete(error);

    /// <summary>Ends the pipe (waiting writers get a ChannelClosedException and keep their item) and disposes of what nobody took.</summary>
    public void Dispose()
    {
        Complete();
        while (channel.Reader.TryRead(out var item)) (item as IDisposable)?.Dispose();
    }
}
