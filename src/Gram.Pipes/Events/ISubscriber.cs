namespace Gram.Pipes.Events;

/// <summary>Handles events; MessagePipe's signature.</summary>
/// <typeparam name="TMessage">The event.</typeparam>
public interface IMessageHandler<in TMessage>
{
    /// <summary>Handles one event.</summary>
    void Handle(TMessage message);
}

/// <summary>Handles events and may wait; MessagePipe's signature.</summary>
/// <typeparam name="TMessage">The event.</typeparam>
public interface IAsyncMessageHandler<in TMessage>
{
    /// <summary>Handles one event.</summary>
    ValueTask HandleAsync(TMessage message, CancellationToken cancellationToken);
}

/// <summary>Subscribes to events; MessagePipe's signature, filters apart.</summary>
/// <typeparam name="TMessage">The event.</typeparam>
public interface ISubscriber<out TMessage>
{
    /// <summary>Subscribes until the result is disposed.</summary>
    IDisposable Subscribe(IMessageHandler<TMessage> handler);
}

/// <summary>Subscribes to events with handlers that may wait; MessagePipe's signature, filters apart.</summary>
/// <typeparam name="TMessage">The event.</typeparam>
public interface IAsyncSubscriber<out TMessage>
{
    /// <summary>Subscribes until the result is disposed.</summary>
    IDisposable Subscribe(IAsyncMessageHandler<TMessage> handler);
}
