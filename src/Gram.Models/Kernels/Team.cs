using System.Runtime.InteropServices;
using TorchSharp;

namespace Gram.Models.Kernels;

/// <summary>
/// A few threads that run one kernel together, each on its share, with barriers between its stages that cost well under a
/// microsecond: a decoded token has some 150 stages, and waking threads for each would cost more than its arithmetic.
/// The caller is member 0. Between kernels the others spin for moments and then sleep.
/// </summary>
internal sealed class Team : IDisposable
{
    private const int SpinsBeforeSleep = 20_000, SpinsBeforeYield = 2000; // a spin takes some 40 ns, waking a thread a thousand times that

    private const int CacheLine = 32; // ints, and the next line, which is fetched with it

    private static readonly Lock Gate = new();
    private static Team? shared;

    private readonly Lock running = new();
    private readonly ManualResetEventSlim wake = new(false, spinCount: 0);
    private Action<int>? kernel;
    private Exception? failure;
    private readonly int[] taken;
    private Counters counters;
    private volatile bool disposed;

    /// <summary>A team of this many members.</summary>
    public Team(int size)
    {
        Size = size;
        taken = new int[size * CacheLine];
        for (var member = 1; member < size; member++)
        {
            var own = member;
            new Thread(() => Serve(own)) { IsBackground = true, Name = $"kernel {own}" }.Start();
        }
    }

    /// <summary>Members, the caller included.</summary>
    public int Size { get; }

    /// <summary>The process's team, of as many members as libtorch uses threads.</summary>
    public static Team Shared()
    {
        var size = torch.get_num_threads();
        lock (Gate)
        {
            if (shared?.Size == size) return shared;
            shared?.Dispose();
            return shared = new Team(size);
        }
    }

    /// <summary>Runs a kernel on all members at once; returns when all are done. Two callers take turns.</summary>
    /// <param name="action">Called with each member's number, 0 … size − 1. All members must pass the same barriers; a stage between two of them takes one kind of units.</param>
    public void Run(Action<int> action)
    {
        lock (running)
        {
            kernel = action;
            (counters.Arrived, counters.Finished) = (0, 0);
            Array.Clear(taken);
            Interlocked.Increment(ref counters.Generation);
            wake.Set();
            Serve(action, 0);
            for (var spins = 0; Volatile.Read(ref counters.Finished) < Size; spins++) Spin(spins);
            kernel = null;
            if (Interlocked.Exchange(ref failure, null) is { } error) throw new InvalidOperationException("a kernel failed", error);
        }
    }

    /// <summary>Waits until all members are here.</summary>
    public void Barrier()
    {
        var before = Volatile.Read(ref counters.Phase);
        if (Interlocked.Increment(ref counters.Arrived) == Size)
        {
            counters.Arrived = 0;
            Array.Clear(taken);
            Volatile.Write(ref counters.Phase, before + 1);
            return;
        }
        for (var spins = 0; Volatile.Read(ref counters.Phase) == before; spins++)
        {
            if (Volatile.Read(ref failure) is not null) throw new InvalidOperationException("another member failed");
            Spin(spins);
        }
    }

    /// <summary>
    /// Takes a member's next units of the stage that ends with the next barrier, as [from, to); false when none are left. Each goes
    /// through a part of its own in the order of memory, then helps the others with theirs, so that nobody waits long at the barrier.
    /// </summary>
    public bool Take(int member, int units, int atOnce, out int from, out int to)
    {
        var blocks = (units + atOnce - 1) / atOnce;
        for (var other = 0; other < Size; other++)
        {
            var part = (member + other) % Size;
            int first = blocks * part / Size, end = blocks * (part + 1) / Size;
            var block = first + Interlocked.Increment(ref taken[part * CacheLine]) - 1;
            if (block >= end) continue;
            (from, to) = (block * atOnce, Math.Min(units, (block + 1) * atOnce));
            return true;
        }
        from = to = units;
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        disposed = true;
        Interlocked.Increment(ref counters.Generation);
        wake.Set();
    }

    private void Serve(int member)
    {
        for (var served = 0; ; served++)
        {
            for (var spins = 0; Volatile.Read(ref counters.Generation) == served; spins++)
            {
                if (spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(1);
                    continue;
                }
                wake.Reset();
                if (Volatile.Read(ref counters.Generation) == served) wake.Wait();
            }
            if (disposed) return;
            Serve(kernel!, member);
        }
    }

    private void Serve(Action<int> action, int member)
    {
        try
        {
            action(member);
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref failure, error, null);
        }
        Interlocked.Increment(ref counters.Finished);
    }

    // Where other work keeps the cores busy, the member waited for may not be running.
    private static void Spin(int spins)
    {
        if (spins < SpinsBeforeYield) Thread.SpinWait(1);
        else Thread.Yield();
    }

    // Each on a cache line of its own: members that wait for one would slow those that count another.
    [StructLayout(LayoutKind.Explicit, Size = 448)]
    private struct Counters
    {
        [FieldOffset(128)] public int Generation;
        [FieldOffset(192)] public int Phase;
        [FieldOffset(256)] public int Arrived;
        [FieldOffset(320)] public int Finished;
    }
}
