using Microsoft.Extensions.DependencyInjection;

namespace Gram.Pipes.Events;

/// <summary>Registers events with the host's services.</summary>
public static class EventServices
{
    /// <summary>Serves publishers and subscribers of every event by one <see cref="EventBroker{TMessage}"/> each.</summary>
    public static IServiceCollection AddEvents(this IServiceCollection services) => services
        .AddSingleton(typeof(EventBroker<>))
        .AddSingleton(typeof(IPublisher<>), typeof(Publisher<>))
        .AddSingleton(typeof(ISubscriber<>), typeof(Subscriber<>))
        .AddSingleton(typeof(IAsyncPublisher<>), typeof(Publisher<>))
        .AddSingleton(typeof(IAsyncSubscriber<>), typeof(Subscriber<>));

    // Open generic registrations cannot share an instance, so each side forwards to the one broker.
    private sealed class Publisher<TMessage>(EventBroker<TMessage> broker) : IPublisher<TMessage>, IAsyncPublisher<TMessage>
    {
        public void Publish(TMessage message) => broker.Publish(message);
        public ValueTask PublishAsync(TMessage message, CancellationToken cancellationToken) => broker.PublishAsync(message, cancellationToken);
    }

    private sealed class Subscriber<TMessage>(EventBroker<TMessage> broker) : ISubscriber<TMessage>, IAsyncSubscriber<TMessage>
    {
        public IDisposable Subscribe(IMessageHandler<TMessage> handler) => broker.Subscribe(handler);
        public IDisposable Subscribe(IAsyncMessageHandler<TMessage> handler) => broker.Subscribe(handler);
    }
}
