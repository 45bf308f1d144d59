using Microsoft.Extensions.DependencyInjection;

// The part of MessagePipe 1.8's public API that the adapter uses, with its signatures, served by the plainest
// implementation that a test can observe.
namespace MessagePipe;

public interface IMessageHandler<TMessage>
{
    void Handle(TMessage message);
}

public interface IAsyncMessageHandler<TMessage>
{
    ValueTask HandleAsync(TMessage message, CancellationToken cancellationToken);
}

public abstract class MessageHandlerFilter<TMessage>;

public abstract class AsyncMessageHandlerFilter<TMessage>;

public enum AsyncPublishStrategy
{
    Parallel,
    Sequential,
}

public interface IPublisher<TMessage>
{
    void Publish(TMessage message);
}

public interface ISubscriber<TMessage>
{
    IDisposable Subscribe(IMessageHandler<TMessage> handler, params MessageHandlerFilter<TMessage>[] filters);
}

public interface IAsyncPublisher<TMessage>
{
    void Publish(TMessage message, CancellationToken cancellationToken = default);
    ValueTask PublishAsync(TMessage message, CancellationToken cancellationToken = default);
    ValueTask PublishAsync(TMessage message, AsyncPublishStrategy publishStrategy, CancellationToken cancellationToken = default);
}

public interface IAsyncSubscriber<TMessage>
{
    IDisposable Subscribe(IAsyncMessageHandler<TMessage> asyncHandler, params AsyncMessageHandlerFilter<TMessage>[] filters);
}

public interface IMessagePipeBuilder
{
    IServiceCollection Services { get; }
}

public static class ServiceCollectionExtensions
{
    public static IMessagePipeBuilder AddMessagePipe(this IServiceCollection services)
    {
        services.AddSingleton(typeof(StandInCore<>));
        foreach (var side in new[] { typeof(IPublisher<>), typeof(ISubscriber<>), typeof(IAsyncPublisher<>), typeof(IAsyncSubscriber<>) })
        {
            services.AddSingleton(side, typeof(StandInBroker<>));
        }
        return new Builder(services);
    }

    private sealed record Builder(IServiceCollection Services) : IMessagePipeBuilder;
}

/// <summary>Handlers of one event.</summary>
internal sealed class StandInCore<TMessage>
{
    public List<IMessageHandler<TMessage>> Handlers { get; } = [];
    public List<IAsyncMessageHandler<TMessage>> AsyncHandlers { get; } = [];
}

internal sealed class StandInBroker<TMessage>(StandInCore<TMessage> core) : IPublisher<TMessage>, ISubscriber<TMessage>, IAsyncPublisher<TMessage>, IAsyncSubscriber<TMessage>
{
    public void Publish(TMessage message) => core.Handlers.ForEach(handler => handler.Handle(message));

    public void Publish(TMessage message, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask PublishAsync(TMessage message, CancellationToken cancellationToken) => PublishAsync(message, AsyncPublishStrategy.Parallel, cancellationToken);

    public async ValueTask PublishAsync(TMessage message, AsyncPublishStrategy publishStrategy, CancellationToken cancellationToken)
    {
        foreach (var handler in core.AsyncHandlers) await handler.HandleAsync(message, cancellationToken);
    }

    public IDisposable Subscribe(IMessageHandler<TMessage> handler, params MessageHandlerFilter<TMessage>[] filters) => Add(core.Handlers, handler);

    public IDisposable Subscribe(IAsyncMessageHandler<TMessage> asyncHandler, params AsyncMessageHandlerFilter<TMessage>[] filters) => Add(core.AsyncHandlers, asyncHandler);

    private static Subscription<THandler> Add<THandler>(List<THandler> handlers, THandler handler)
    {
        handlers.Add(handler);
        return new Subscription<THandler>(handlers, handler);
    }

    private sealed record Subscription<THandler>(List<THandler> Handlers, THandler Handler) : IDisposable
    {
        public void Dispose() => Handlers.Remove(Handler);
    }
}
