using Gram.Pipes.Events;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Pipes.MessagePipe.Tests;

public sealed class MessagePipeEventsTests : IDisposable
{
    private readonly ServiceProvider services = new ServiceCollection().AddMessagePipeEvents().BuildServiceProvider();

    public void Dispose() => services.Dispose();

    [Fact]
    public void Publish_ReachesSubscribersThroughMessagePipeUntilTheyLeave()
    {
        List<string> seen = [];
        var subscription = services.GetRequiredService<ISubscriber<string>>().Subscribe(seen.Add);
        var publisher = services.GetRequiredService<IPublisher<string>>();

        publisher.Publish("one");
        subscription.Dispose();
        publisher.Publish("two");

        seen.Should().Equal("one");
    }

    [Fact]
    public void Publish_ReachesMessagePipesOwnSubscribers()
    {
        OwnHandler handler = new();
        services.GetRequiredService<global::MessagePipe.ISubscriber<string>>().Subscribe(handler);

        services.GetRequiredService<IPublisher<string>>().Publish("event");

        handler.Seen.Should().Equal("event");
    }

    [Fact]
    public async Task PublishAsync_AwaitsSubscribersAndPassesTheToken()
    {
        using var source = new CancellationTokenSource();
        List<(int, CancellationToken)> seen = [];
        services.GetRequiredService<IAsyncSubscriber<int>>().Subscribe(async (message, token) =>
        {
            await Task.Yield();
            seen.Add((message, token));
        });

        await services.GetRequiredService<IAsyncPublisher<int>>().PublishAsync(7, source.Token);

        seen.Should().Equal((7, source.Token));
    }

    private sealed class OwnHandler : global::MessagePipe.IMessageHandler<string>
    {
        public List<string> Seen { get; } = [];
        public void Handle(string message) => Seen.Add(message);
    }
}
