using System.Buffers.Binary;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>
/// What has arrived of a blob, in a file that an interrupted download leaves for the next. In one piece it is the blob's beginning, as
/// huggingface_hub keeps it too. In ranges that grow side by side it has the blob's size already, and behind that, until it is whole, the
/// ranges' size and how far each is (little-endian int64): a count is written after its bytes.
/// </summary>
internal sealed class PartialBlob : IDisposable
{
    private const int CountBytes = sizeof(long);

    private readonly FileStream file;
    private readonly long size, rangeSize;
    private readonly long[] received;
    private readonly string path;

    private PartialBlob(string path, long size, long rangeSize)
    {
        (this.path, this.size, this.rangeSize) = (path, size, rangeSize);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        received = Counts(file, size, rangeSize);
        if (IsOnePiece) file.SetLength(received[0]);
        else WriteCounts();
    }

    /// <summary>Ranges; one where the blob comes in one piece.</summary>
    public int Ranges => received.Length;

    /// <summary>Whether the blob comes in one piece.</summary>
    public bool IsOnePiece => Ranges == 1;

    /// <summary>Bytes that have arrived.</summary>
    public long Received => received.Sum();

    /// <summary>In one piece.</summary>
    public static PartialBlob InOnePiece(HubCache cache, HubId id, HubFile blob) => new(cache.Incomplete(id, blob.ETag), blob.Size, blob.Size);

    /// <summary>In ranges, going on from an earlier download's, or from the beginning that one left in one piece.</summary>
    public static PartialBlob InRanges(HubCache cache, HubId id, HubFile blob, long rangeSize)
    {
        var (path, beginning) = (cache.Ranges(id, blob.ETag), cache.Incomplete(id, blob.ETag));
        if (!File.Exists(path) && File.Exists(beginning)) File.Move(beginning, path);
        return new(path, blob.Size, rangeSize);
    }

    /// <summary>Bytes that an earlier download has left of a blob.</summary>
    public static long Left(HubCache cache, HubId id, HubFile blob, long rangeSize)
    {
        if (Left(cache.Ranges(id, blob.ETag)) is { } ofRanges) return ofRanges;
        return Left(cache.Incomplete(id, blob.ETag)) ?? 0;

        long? Left(string path)
        {
            if (!File.Exists(path)) return null;
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return Counts(file, blob.Size, rangeSize).Sum();
        }
    }

    /// <summary>The byte that a range lacks next.</summary>
    public long Next(int range) => (range * rangeSize) + received[range];

    /// <summary>The byte after a range's last.</summary>
    public long End(int range) => Math.Min(size, (range + 1) * rangeSize);

    /// <summary>Bytes of a range that have arrived.</summary>
    public long ReceivedOf(int range) => received[range];

    /// <summary>Whether a range is whole.</summary>
    public bool IsWhole(int range) => Next(range) == End(range);

    /// <summary>Adds a range's next bytes. Ranges may grow at the same time, each by one caller.</summary>
    public async Task AddAsync(int range, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await RandomAccess.WriteAsync(file.SafeFileHandle, bytes, Next(range), cancellationToken);
        received[range] += bytes.Length;
        if (!IsOnePiece) WriteCount(1 + range, received[range]);
    }

    /// <summary>Gives up what has arrived.</summary>
    public void Restart()
    {
        Array.Clear(received);
        if (IsOnePiece) file.SetLength(0);
        else WriteCounts();
    }

    /// <summary>Whether the whole blob is the one that its ETag names.</summary>
    public Task<bool> IsRightAsync(string etag, CancellationToken cancellationToken)
    {
        file.SetLength(size);
        return BlobHash.IsOfAsync(file, etag, cancellationToken);
    }

    /// <summary>Gives the file its blob's name.</summary>
    public void Finish(string blob)
    {
        file.Flush(flushToDisk: true);
        file.Dispose();
        File.Move(path, blob);
    }

    /// <summary>Removes the file.</summary>
    public void Delete()
    {
        file.Dispose();
        File.Delete(path);
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    /// <summary>How far each range is. A file without counts is the blob's beginning; one that is longer than the blob, or has others, is nothing.</summary>
    private static long[] Counts(FileStream file, long size, long rangeSize)
    {
        var counts = new long[Math.Max(1, (size + rangeSize - 1) / Math.Max(1, rangeSize))];
        if (file.Length <= size)
        {
            for (var range = 0; range < counts.Length; range++) counts[range] = Math.Clamp(file.Length - (range * rangeSize), 0, LengthOf(range));
        }
        else if (counts.Length > 1 && file.Length == size + ((1 + counts.Length) * CountBytes))
        {
            var written = new byte[(1 + counts.Length) * CountBytes];
            RandomAccess.Read(file.SafeFileHandle, written, size);
            long[] values = [.. written.Chunk(CountBytes).Select(bytes => BinaryPrimitives.ReadInt64LittleEndian(bytes))];
            if (values[0] == rangeSize && Enumerable.Range(0, counts.Length).All(range => values[1 + range] >= 0 && values[1 + range] <= LengthOf(range))) counts = values[1..];
        }
        return counts;

        long LengthOf(int range) => Math.Min(rangeSize, size - (range * rangeSize));
    }

    private void WriteCounts()
    {
        file.SetLength(size + ((1 + Ranges) * CountBytes));
        WriteCount(0, rangeSize);
        for (var range = 0; range < Ranges; range++) WriteCount(1 + range, received[range]);
    }

    private void WriteCount(int place, long count)
    {
        Span<byte> bytes = stackalloc byte[CountBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, count);
        RandomAccess.Write(file.SafeFileHandle, bytes, size + (place * CountBytes));
    }
}
