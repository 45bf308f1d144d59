namespace Gram.Pipes.Events;

/// <summary>Publishes events; MessagePipe's signature.</summary>
public interface IPublisher<in TMessage>
{
    /// <summary>Calls every subscriber, on this thread.</summary>
    void Publish(TMessage message);
}

/// <summary>Handles events; MessagePipe's signature.</summary>
public interface IMessageHandler<in TMessage>
{
    /// <summary>Handles one event.</summary>
    void Handle(TMessage message);
}

/// <summary>Subscribes to events; MessagePipe's signature, filters apart.</summary>
public interface ISubscriber<TMessage>
{
    /// <summary>Subscribes until the result is disposed.</summary>
    IDisposable Subscribe(IMessageHandler<TMessage> handler);
}
