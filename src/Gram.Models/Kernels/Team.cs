using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gram.Models.Native;
using TorchSharp;

namespace Gram.Models.Kernels;

/// <summary>
/// The threads of libtorch's own OpenMP pool, running one kernel together, each on its share, with barriers between its stages that
/// cost well under a microsecond: a decoded token has some 150 stages. Threads of its own would fight with the pool's for the cores,
/// since both spin between two pieces of work. Where libtorch has another kind of pool, a kernel runs on the caller alone.
/// </summary>
internal sealed unsafe class Team
{
    private const int SpinsBeforeYield = 2000;
    private const int CacheLine = 32; // ints, and the next line, which is fetched with it

    private static readonly delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void> Parallel =
        (delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void>)Libtorch.Symbol("GOMP_parallel");
    private static readonly delegate* unmanaged[Cdecl]<int> ThreadNumber = (delegate* unmanaged[Cdecl]<int>)Libtorch.Symbol("omp_get_thread_num");
    private static readonly delegate* unmanaged[Cdecl]<int> ThreadCount = (delegate* unmanaged[Cdecl]<int>)Libtorch.Symbol("omp_get_num_threads");
    private static readonly bool HasPool = Parallel != null && ThreadNumber != null && ThreadCount != null;

    private static readonly Lock Gate = new();
    private static Team? shared;

    private readonly Lock running = new();
    private readonly int[] taken;
    private Action<int>? kernel;
    private int active; // members that OpenMP gave
    private Exception? failure;
    private Counters counters;

    /// <summary>A team of this many members.</summary>
    public Team(int size)
    {
        Size = HasPool ? size : 1;
        taken = new int[Size * CacheLine];
    }

    /// <summary>Most members, the caller included.</summary>
    public int Size { get; }

    /// <summary>The process's team, of as many members as libtorch uses threads.</summary>
    public static Team Shared()
    {
        var size = torch.get_num_threads();
        lock (Gate) return shared is not null && (shared.Size == size || !HasPool) ? shared : shared = new Team(size);
    }

    /// <summary>
    /// Runs a kernel on all members at once, or on as many as OpenMP gives (OMP_THREAD_LIMIT, OMP_DYNAMIC); returns when all are done.
    /// Two callers take turns.
    /// </summary>
    /// <param name="action">Called with each member's number, 0 … size − 1. All members must pass the same barriers; a stage between two of them takes one kind of units.</param>
    /// <exception cref="InvalidOperationException">A member failed.</exception>
    public void Run(Action<int> action)
    {
        lock (running)
        {
            (kernel, counters.Arrived) = (action, 0);
            Array.Clear(taken);
            if (Size == 1)
            {
                Serve(0, 1);
            }
            else
            {
                var self = GCHandle.Alloc(this);
                Parallel(&Member, (void*)GCHandle.ToIntPtr(self), (uint)Size, 0);
                self.Free();
            }
            kernel = null;
            if (Interlocked.Exchange(ref failure, null) is { } error) throw new InvalidOperationException("a kernel failed", error);
        }
    }

    /// <summary>Shares units out among the process's team: each range [from, to) that the action is called with is one member's.</summary>
    public static void ForEach(int units, int atOnce, Action<int, int> action)
    {
        var team = Shared();
        team.Run(member =>
        {
            while (team.Take(member, units, atOnce, out var from, out var to)) action(from, to);
        });
    }

    /// <summary>Waits until all members are here.</summary>
    public void Barrier()
    {
        var before = Volatile.Read(ref counters.Phase);
        if (Interlocked.Increment(ref counters.Arrived) == Volatile.Read(ref active))
        {
            counters.Arrived = 0;
            Array.Clear(taken);
            Volatile.Write(ref counters.Phase, before + 1);
            return;
        }
        for (var spins = 0; Volatile.Read(ref counters.Phase) == before; spins++)
        {
            if (Volatile.Read(ref failure) is not null) throw new InvalidOperationException("another member failed");
            // Where other work keeps the cores busy, the member waited for may not be running.
            if (spins < SpinsBeforeYield) Thread.SpinWait(1);
            else Thread.Yield();
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

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Member(void* team) => ((Team)GCHandle.FromIntPtr((nint)team).Target!).Serve(ThreadNumber(), ThreadCount());

    private void Serve(int member, int members)
    {
        try
        {
            Volatile.Write(ref active, members); // the same by all
            kernel!(member);
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref failure, error, null);
        }
    }

    // Each on a cache line of its own: members that wait for one would slow those that count another.
    [StructLayout(LayoutKind.Explicit, Size = 320)]
    private struct Counters
    {
        [FieldOffset(128)] public int Phase;
        [FieldOffset(192)] public int Arrived;
    }
}
