using Gram.Models;
using Gram.Pipes.Events;
using Gram.Training.Plugins;
using Gram.Training.Runs;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Ppo.Events;

/// <summary>Subscribers of one's own, from assemblies: public classes that implement <see cref="IMessageHandler{TMessage}"/> of a run's events.</summary>
public static class EventPlugins
{
    /// <summary>The key that names the assemblies.</summary>
    public const string Key = "event_plugins";

    private static readonly (Type Handler, Func<object, IServiceProvider, IDisposable?> Subscribe)[] Kinds = [Of<StepLogged>(), Of<Notice>(), Of<SamplesLogged>(), Of<StageStarted>()];

    /// <summary>Subscribes an instance of every such class to the events that it handles, until the result is disposed; so are those instances that can be.</summary>
    /// <param name="assemblies">Files of the assemblies.</param>
    /// <param name="services">Where the events are.</param>
    /// <exception cref="GramException">An assembly cannot be loaded, or has no such class.</exception>
    public static IDisposable Subscribe(IReadOnlyList<string> assemblies, IServiceProvider services)
    {
        var subscribed = new Subscribed();
        try
        {
            foreach (var handler in assemblies.SelectMany(path => PluginAssembly.Create(path, Key, "Gram.Pipes.Events.IMessageHandler of a run's event", type => Kinds.Any(kind => kind.Handler.IsAssignableFrom(type)))))
            {
                foreach (var kind in Kinds) if (kind.Subscribe(handler, services) is { } subscription) subscribed.Add(subscription);
                if (handler is IDisposable disposable) subscribed.Add(disposable);
            }
            return subscribed;
        }
        catch
        {
            subscribed.Dispose();
            throw;
        }
    }

    private static (Type Handler, Func<object, IServiceProvider, IDisposable?> Subscribe) Of<TMessage>() => (
        typeof(IMessageHandler<TMessage>),
        (handler, services) => handler is IMessageHandler<TMessage> typed ? services.GetRequiredService<ISubscriber<TMessage>>().Subscribe(typed) : null);

    private sealed class Subscribed : IDisposable
    {
        private readonly List<IDisposable> all = [];

        public void Add(IDisposable item) => all.Add(item);

        public void Dispose()
        {
            foreach (var item in all) item.Dispose();
        }
    }
}
