using System.Collections.Concurrent;

namespace Gram.Pipes;

/// <summary>One thread on which all stages of a device run, so that tensor scopes, OpenMP teams and order are the same in every run.</summary>
public static class DeviceThread
{
    /// <summary>Runs an asynchronous function, and everything that it awaits, on one new thread; rethrows what it throws.</summary>
    public static Task<T> RunAsync<T>(Func<Task<T>> function)
    {
        var outcome = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            using var pump = new Pump();
            SynchronizationContext.SetSynchronizationContext(pump);
            try
            {
                var task = function();
                // On the pool: the pump is what is to be ended.
                task.ContinueWith(_ => pump.Complete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                pump.Run();
                outcome.SetFromTask(task);
            }
            catch (Exception error)
            {
                outcome.TrySetException(error);
            }
        })
        { IsBackground = true, Name = nameof(DeviceThread) };
        thread.Start();
        return outcome.Task;
    }

    /// <summary>Runs what is posted to it, in order, on the thread that calls <see cref="Run"/>.</summary>
    private sealed class Pump : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> queue = [];

        public override void Post(SendOrPostCallback d, object? state)
        {
            try
            {
                queue.Add((d, state));
            }
            catch (InvalidOperationException)
            {
                // The run has ended; what nobody awaits any more goes to the pool.
                base.Post(d, state);
            }
        }

        public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("A device thread takes work by Post only.");

        public void Run()
        {
            foreach (var (callback, state) in queue.GetConsumingEnumerable()) callback(state);
        }

        public void Complete() => queue.CompleteAdding();

        public void Dispose() => queue.Dispose();
    }
}
