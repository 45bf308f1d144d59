namespace Gram.Pipes.Events;

/// <summary>Subscriptions by a plain function.</summary>
public static class SubscriberExtensions
{
    /// <summary>Calls a function for each event until the result is disposed.</summary>
    public static IDisposable Subscribe<TMessage>(this ISubscriber<TMessage> subscriber, Action<TMessage> handle) =>
        subscriber.Subscribe(new Handler<TMessage>(handle));

    /// <summary>Awaits a function for each event until the result is disposed.</summary>
    public static IDisposable Subscribe<TMessage>(this IAsyncSubscriber<TMessage> subscriber, Func<TMessage, CancellationToken, ValueTask> handle) =>
        subscriber.Subscribe(new AsyncHandler<TMessage>(handle));

    private sealed class Handler<TMessage>(Action<TMessage> handle) : IMessageHandler<TMessage>
    {
        public void Handle(TMessage message) => handle(message);
    }

    private sealed class AsyncHandler<TMessage>(Func<TMessage, CancellationToken, ValueTask> handle) : IAsyncMessageHandler<TMessage>
    {
        public ValueTask HandleAsync(TMessage message, CancellationToken cancellationToken) => handle(message, cancellationToken);
    }
}
