using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Gram.Pipes.Events;

/// <summary>
/// This project's own events: both sides of one kind of event. Handlers are called in the order of subscription;
/// one that throws does not keep the event from the others, and its error reaches the publisher afterwards.
/// </summary>
/// <typeparam name="TMessage">The event.</typeparam>
public sealed class EventBroker<TMessage> : IPublisher<TMessage>, ISubscriber<TMessage>, IAsyncPublisher<TMessage>, IAsyncSubscriber<TMessage>
{
    private ImmutableList<IMessageHandler<TMessage>> handlers = [];
    private ImmutableList<IAsyncMessageHandler<TMessage>> asyncHandlers = [];

    /// <inheritdoc/>
    public IDisposable Subscribe(IMessageHandler<TMessage> handler)
    {
        var entry = new Entry(handler);
        ImmutableInterlocked.Update(ref handlers, list => list.Add(entry));
        return new Subscription(() => ImmutableInterlocked.Update(ref handlers, list => list.Remove(entry)));
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(IAsyncMessageHandler<TMessage> handler)
    {
        var entry = new AsyncEntry(handler);
        ImmutableInterlocked.Update(ref asyncHandlers, list => list.Add(entry));
        return new Subscription(() => ImmutableInterlocked.Update(ref asyncHandlers, list => list.Remove(entry)));
    }

    /// <inheritdoc/>
    public void Publish(TMessage message)
    {
        List<Exception>? errors = null;
        foreach (var handler in handlers)
        {
            try
            {
                handler.Handle(message);
            }
            catch (Exception error)
            {
                (errors ??= []).Add(error);
            }
        }
        Throw(errors);
    }

    /// <inheritdoc/>
    public async ValueTask PublishAsync(TMessage message, CancellationToken cancellationToken = default)
    {
        List<Exception>? errors = null;
        foreach (var handler in asyncHandlers)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                await handler.HandleAsync(message, cancellationToken);
            }
            catch (Exception error)
            {
                (errors ??= []).Add(error);
            }
        }
        Throw(errors);
    }

    /// <summary>One error as it is, so that the user's own errors keep their kind; several together.</summary>
    private static void Throw(List<Exception>? errors)
    {
        if (errors is [var single]) ExceptionDispatchInfo.Throw(single);
        if (errors is not null) throw new AggregateException(errors);
    }

    /// <summary>A handler subscribed twice is two subscriptions: entries are told apart by identity.</summary>
    private sealed class Entry(IMessageHandler<TMessage> handler) : IMessageHandler<TMessage>
    {
        public void Handle(TMessage message) => handler.Handle(message);
    }

    private sealed class AsyncEntry(IAsyncMessageHandler<TMessage> handler) : IAsyncMessageHandler<TMessage>
    {
        public ValueTask HandleAsync(TMessage message, CancellationToken cancellationToken) => handler.HandleAsync(message, cancellationToken);
    }

    private sealed class Subscription(Action unsubscribe) : IDisposable
    {
        public void Dispose() => unsubscribe();
    }
}
