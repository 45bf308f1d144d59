using System.Globalization;
using System.Runtime.InteropServices;
using Gram.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Parallel;

/// <summary>
/// The processes that Open MPI's mpirun started, through its C library (version 4's and 5's ABI: handles are addresses of exported
/// objects). Tensors of other devices go by way of the CPU.
/// </summary>
public sealed unsafe class OpenMpi : IProcessGroup, IDisposable
{
    private const string SizeVariable = "OMPI_COMM_WORLD_SIZE", LocalRankVariable = "OMPI_COMM_WORLD_LOCAL_RANK", LocalSizeVariable = "OMPI_COMM_WORLD_LOCAL_SIZE";
    private const int ThreadSerialized = 2; // mpi.h: MPI_THREAD_SERIALIZED
    private const int ChunkNumbers = 512 * 1024; // one call for all is three times slower: a piece of this size stays in the cache

    private readonly nint library, world, sum, float32, float64, octet;
    private readonly delegate* unmanaged[Cdecl]<void*, void*, int, nint, nint, nint, int> allReduce;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, int, nint, int> broadcast;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, void*, int*, int*, nint, nint, int> gather;
    private bool isOver;

    private OpenMpi()
    {
        if (!NativeLibrary.TryLoad("libmpi.so.40", out library) && !NativeLibrary.TryLoad("libmpi.so", out library))
            throw new GramException("mpirun started this process, but libmpi.so.40 is not found: install Open MPI (Debian: openmpi-bin), or start gram without mpirun");
        (world, sum) = (NativeLibrary.GetExport(library, "ompi_mpi_comm_world"), NativeLibrary.GetExport(library, "ompi_mpi_op_sum"));
        (float32, float64, octet) = (NativeLibrary.GetExport(library, "ompi_mpi_float"), NativeLibrary.GetExport(library, "ompi_mpi_double"), NativeLibrary.GetExport(library, "ompi_mpi_byte"));
        allReduce = (delegate* unmanaged[Cdecl]<void*, void*, int, nint, nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Allreduce");
        broadcast = (delegate* unmanaged[Cdecl]<void*, int, nint, int, nint, int>)NativeLibrary.GetExport(library, "MPI_Bcast");
        gather = (delegate* unmanaged[Cdecl]<void*, int, nint, void*, int*, int*, nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Allgatherv");
        int provided, rank, size;
        Check(((delegate* unmanaged[Cdecl]<int*, byte***, int, int*, int>)NativeLibrary.GetExport(library, "MPI_Init_thread"))(null, null, ThreadSerialized, &provided), "MPI_Init_thread");
        if (provided < ThreadSerialized) throw new GramException("this Open MPI was built without threads, which .NET needs: use one with MPI_THREAD_SERIALIZED");
        Check(((delegate* unmanaged[Cdecl]<nint, int*, int>)NativeLibrary.GetExport(library, "MPI_Comm_rank"))(world, &rank), "MPI_Comm_rank");
        Check(((delegate* unmanaged[Cdecl]<nint, int*, int>)NativeLibrary.GetExport(library, "MPI_Comm_size"))(world, &size), "MPI_Comm_size");
        (Rank, Size) = (rank, size);
    }

    /// <summary>Whether mpirun started this process as one of several.</summary>
    public static bool IsStarted => Number(SizeVariable) > 1;

    /// <summary>This process's number among those of its machine: its GPU's.</summary>
    public static int LocalRank => Number(LocalRankVariable);

    /// <summary>Processes on this machine, which share its cores.</summary>
    public static int LocalSize => Math.Max(1, Number(LocalSizeVariable));

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <summary>Joins the others; once a process.</summary>
    /// <exception cref="GramException">Open MPI's library is missing or does not fit.</exception>
    public static OpenMpi Join() => new();

    /// <inheritdoc/>
    public void Sum(Tensor tensor)
    {
        if (tensor.dtype is not (ScalarType.Float32 or ScalarType.Float64)) throw new ArgumentException($"sums are of float32 or float64, not {tensor.dtype}", nameof(tensor));
        var type = tensor.dtype == ScalarType.Float32 ? float32 : float64;
        OnCpu(tensor, (data, count) => Check(allReduce((void*)1 /* MPI_IN_PLACE */, data, count, type, sum, world), "MPI_Allreduce"));
    }

    /// <inheritdoc/>
    public void Broadcast(Tensor tensor, int from)
    {
        var size = (int)tensor.element_size();
        OnCpu(tensor, (data, count) => Check(broadcast(data, count * size, octet, from, world), "MPI_Bcast"));
    }

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Gather(byte[] own)
    {
        var counts = new int[Size];
        var (ones, places) = (Enumerable.Repeat(sizeof(int), Size).ToArray(), Enumerable.Range(0, Size).Select(rank => rank * sizeof(int)).ToArray());
        var length = own.Length;
        fixed (int* received = counts) GatherInto(&length, sizeof(int), received, ones, places);
        var starts = new int[Size];
        for (var rank = 1; rank < Size; rank++) starts[rank] = checked(starts[rank - 1] + counts[rank - 1]);
        var all = new byte[checked(starts[^1] + counts[^1])];
        fixed (byte* sent = own, received = all) GatherInto(sent, own.Length, received, counts, starts);
        return [.. Enumerable.Range(0, Size).Select(rank => all.AsSpan(starts[rank], counts[rank]).ToArray())];
    }

    /// <summary>Ends all processes of the run at once, since one cannot go on and the others would wait for it.</summary>
    /// <param name="exitCode">mpirun's own.</param>
    public void Abort(int exitCode)
    {
        isOver = true;
        _ = ((delegate* unmanaged[Cdecl]<nint, int, int>)NativeLibrary.GetExport(library, "MPI_Abort"))(world, exitCode);
    }

    /// <summary>Leaves the group, when all others do.</summary>
    public void Dispose()
    {
        if (isOver) return;
        isOver = true;
        _ = ((delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "MPI_Finalize"))();
    }

    private void GatherInto(void* sent, int bytes, void* received, int[] counts, int[] starts)
    {
        fixed (int* countOf = counts, startOf = starts) Check(gather(sent, bytes, octet, received, countOf, startOf, octet, world), "MPI_Allgatherv");
    }

    private delegate void Call(byte* data, int count);

    /// <summary>Calls for each piece of a tensor, as it lies on the CPU.</summary>
    private static void OnCpu(Tensor tensor, Call call)
    {
        if (!tensor.is_contiguous()) throw new ArgumentException("the tensor must be contiguous", nameof(tensor));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var host = tensor.cpu();
        var flat = host.view(-1);
        for (long done = 0, all = flat.numel(); done < all; done += ChunkNumbers)
        {
            var piece = flat.narrow(0, done, Math.Min(ChunkNumbers, all - done));
            fixed (byte* data = piece.bytes) call(data, (int)piece.numel());
        }
        if (tensor.device_type != DeviceType.CPU) tensor.copy_(host);
    }

    private static int Number(string variable) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static void Check(int code, string call)
    {
        if (code != 0) throw new InvalidOperationException($"{call} failed (code {code})");
    }
}
