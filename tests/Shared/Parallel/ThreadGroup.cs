using Gram.Training.Parallel;
using static TorchSharp.torch;

namespace Gram.Tests;

/// <summary>A group whose "processes" are threads: what several processes compute, in one.</summary>
internal sealed class ThreadGroup
{
    private readonly Barrier barrier;
    private readonly Tensor?[] tensors;
    private readonly byte[][] bytes;

    private ThreadGroup(int size) => (barrier, tensors, bytes) = (new Barrier(size), new Tensor?[size], new byte[size][]);

    /// <summary>Runs a function in each of some processes at once, and gives what they return, by rank.</summary>
    public static async Task<T[]> RunAsync<T>(int size, Func<IProcessGroup, Task<T>> function)
    {
        var group = new ThreadGroup(size);
        return await Task.WhenAll(Enumerable.Range(0, size).Select(rank => Task.Factory.StartNew(() => function(new Member(group, rank)), TaskCreationOptions.LongRunning).Unwrap()));
    }

    private sealed class Member(ThreadGroup all, int rank) : IProcessGroup
    {
        public int Rank => rank;

        public int Size => all.tensors.Length;

        public void Sum(Tensor tensor)
        {
            using var noGrad = no_grad();
            using var own = tensor.clone();
            all.tensors[rank] = own;
            Wait();
            using var sum = all.tensors[0]!.clone();
            foreach (var other in all.tensors.Skip(1)) sum.add_(other!);
            Wait();
            tensor.copy_(sum);
        }

        public void Broadcast(Tensor tensor, int from)
        {
            using var noGrad = no_grad();
            all.tensors[rank] = tensor;
            Wait();
            if (rank != from) tensor.copy_(all.tensors[from]!);
            Wait();
        }

        public IReadOnlyList<byte[]> Gather(byte[] own)
        {
            all.bytes[rank] = own;
            Wait();
            var gathered = all.bytes.ToArray();
            Wait();
            return gathered;
        }

        // One that failed leaves the others waiting: they fail too.
        private void Wait()
        {
            if (!all.barrier.SignalAndWait(TimeSpan.FromMinutes(2))) throw new TimeoutException("another process of the group is gone");
        }
    }
}
