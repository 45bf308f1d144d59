using global::MessagePipe;
using Gram.Pipes.Events;
using Microsoft.Extensions.DependencyInjection;
using Library = global::MessagePipe;

namespace Gram.Pipes.MessagePipe;

/// <summary>Serves this project's events by MessagePipe.</summary>
public static class MessagePipeEvents
{
    /// <summary>Registers MessagePipe, and publishers and subscribers of every event over it.</summary>
    public static IServiceCollection AddMessagePipeEvents(this IServiceCollection services)
    {
        services.AddMessagePipe();
        return services
            .AddSingleton(typeof(Events.IPublisher<>), typeof(Publisher<>))
            .AddSingleton(typeof(Events.ISubscriber<>), typeof(Subscriber<>))
            .AddSingleton(typeof(Events.IAsyncPublisher<>), typeof(AsyncPublisher<>))
            .AddSingleton(typeof(Events.IAsyncSubscriber<>), typeof(AsyncSubscriber<>));
    }

    private sealed class Publisher<TMessage>(Library.IPublisher<TMessage> publisher) : Events.IPublisher<TMessage>
    {
        public void Publish(TMessage message) => publisher.Publish(message);
    }

    private sealed class Subscriber<TMessage>(Library.ISubscriber<TMessage> subscriber) : Events.ISubscriber<TMessage>
    {
        public IDisposable Subscribe(Events.IMessageHandler<TMessage> handler) => subscriber.Subscribe(new Handler<TMessage>(handler));
    }

    private sealed class AsyncPublisher<TMessage>(Library.IAsyncPublisher<TMessage> publisher) : Events.IAsyncPublisher<TMessage>
    {
        public ValueTask PublishAsync(TMessage message, CancellationToken cancellationToken) => publisher.PublishAsync(message, cancellationToken);
    }

    private sealed class AsyncSubscriber<TMessage>(Library.IAsyncSubscriber<TMessage> subscriber) : Events.IAsyncSubscriber<TMessage>
    {
        public IDisposable Subscribe(Events.IAsyncMessageHandler<TMessage> handler) => subscriber.Subscribe(new AsyncHandler<TMessage>(handler));
    }

    private sealed class Handler<TMessage>(Events.IMessageHandler<TMessage> handler) : Library.IMessageHandler<TMessage>
    {
        public void Handle(TMessage message) => handler.Handle(message);
    }

    private sealed class AsyncHandler<TMessage>(Events.IAsyncMessageHandler<TMessage> handler) : Library.IAsyncMessageHandler<TMessage>
    {
        public ValueTask HandleAsync(TMessage message, CancellationToken cancellationToken) => handler.HandleAsync(message, cancellationToken);
    }
}
