using Gram.Pipes.Events;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Pipes.Tests.Events;

public class EventBrokerTests
{
    private readonly EventBroker<string> broker = new();
    private readonly List<string> seen = [];

    [Fact]
    public void Publish_CallsSubscribersInOrderUntilTheyLeave()
    {
        using var first = broker.Subscribe(message => seen.Add($"1:{message}"));
        var second = broker.Subscribe(message => seen.Add($"2:{message}"));

        broker.Publish("a");
        second.Dispose();
        second.Dispose();
        broker.Publish("b");

        seen.Should().Equal("1:a", "2:a", "1:b");
    }

    [Fact]
    public void Publish_OneHandlerThrows_OthersAreCalledAndTheErrorSurfaces()
    {
        broker.Subscribe(_ => throw new InvalidDataException("bad"));
        broker.Subscribe(seen.Add);

        broker.Invoking(b => b.Publish("a")).Should().Throw<InvalidDataException>();

        seen.Should().Equal("a");
    }

    [Fact]
    public void Publish_SeveralHandlersThrow_AllErrorsSurface()
    {
        broker.Subscribe(_ => throw new InvalidDataException());
        broker.Subscribe(_ => throw new NotSupportedException());

        broker.Invoking(b => b.Publish("a")).Should().Throw<AggregateException>().Which.InnerExceptions.Should().HaveCount(2);
    }

    [Fact]
    public void Subscribe_WhileAnEventIsPublished_CountsFromTheNextOne()
    {
        broker.Subscribe(_ => broker.Subscribe(seen.Add));

        broker.Publish("a");
        broker.Publish("b");

        seen.Should().Equal("b");
    }

    [Fact]
    public void SameHandlerTwice_LeavingOnce_StaysOnce()
    {
        var handler = new Handler(seen);
        broker.Subscribe(handler);
        broker.Subscribe(handler).Dispose();

        broker.Publish("a");

        seen.Should().Equal("a");
    }

    [Fact]
    public async Task Subscribe_FromManyThreads_LosesNone()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => broker.Subscribe(seen.Add))));

        broker.Publish("a");

        seen.Should().HaveCount(200);
    }

    [Fact]
    public async Task PublishAsync_AwaitsEachSubscriber()
    {
        broker.Subscribe(async (message, cancellationToken) =>
        {
            await Task.Delay(5, cancellationToken);
            seen.Add(message);
        });

        await broker.PublishAsync("a");

        seen.Should().Equal("a");
    }

    [Fact]
    public async Task PublishAsync_Cancelled_Throws()
    {
        broker.Subscribe((_, _) => ValueTask.CompletedTask);

        await broker.Awaiting(b => b.PublishAsync("a", new CancellationToken(canceled: true)).AsTask()).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public void AddEvents_BothSidesOfAnEvent_ShareOneBroker()
    {
        using var services = new ServiceCollection().AddEvents().BuildServiceProvider();
        services.GetRequiredService<ISubscriber<string>>().Subscribe(seen.Add);

        services.GetRequiredService<IPublisher<string>>().Publish("a");

        seen.Should().Equal("a");
    }

    private sealed class Handler(List<string> seen) : IMessageHandler<string>
    {
        public void Handle(string message) => seen.Add(message);
    }
}
