namespace Gram.Pipes.Events;

/// <summary>Publishes events; MessagePipe's signature.</summary>
/// <typeparam name="TMessage">The event.</typeparam>
public interface IPublisher<in TMessage>
{
    /// <summary>Calls every subscriber, on this thread.</summary>
    void Publish(TMessage message);
}

/// <summary>Publishes events to subscribers that may wait; MessagePipe's signature.</summary>
/// <typeparam name="TMessage">The event.</typeparam>
public interface IAsyncPublisher<in TMessage>
{
    /// <summary>Calls every subscriber and completes when all of them have.</summary>
    ValueTask PublishAsync(TMessage message, CancellationToken cancellationToken = default);
}
