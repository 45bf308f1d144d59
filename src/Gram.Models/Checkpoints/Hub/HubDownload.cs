using System.Collections.Concurrent;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>Downloads what a revision's snapshot lacks, several files, and ranges of large ones, at once.</summary>
/// <param name="settings">The hub and the cache.</param>
/// <param name="client">The hub's client.</param>
/// <param name="progress">Told how far the transfers are, on any thread but one at a time.</param>
/// <param name="note">Told of what a person should know, in one line.</param>
internal sealed class HubDownload(HubSettings settings, HubClient client, Action<DownloadProgress>? progress, Action<string>? note)
{
    /// <summary>Transfers at once; huggingface_hub's number.</summary>
    public const int Transfers = 8;

    private readonly HubCache cache = new(settings.CacheDirectory);
    private readonly HubRetry retry = new(settings.FirstDelay);

    /// <summary>Completes the snapshot of a listing and returns its folder.</summary>
    /// <exception cref="GramException">A file cannot be downloaded or written. What has arrived stays for the next time.</exception>
    public async Task<string> CompleteAsync(HubId id, HubListing listing, CancellationToken cancellationToken)
    {
        var snapshot = cache.Snapshot(id, listing.Commit);
        try
        {
            if (ModelFiles.IndexOf(id, listing.Files) is { } index) await FetchAsync(id, listing.Commit, [index], progress: null, cancellationToken);
            await FetchAsync(id, listing.Commit, ModelFiles.Of(listing.Files, snapshot), progress, cancellationToken);
            using (await BlobLock.TakeAsync(cache.Lock(id, listing.Commit), waiting: null, cancellationToken)) cache.Remember(id, listing.Commit);
            return snapshot;
        }
        catch (IOException error) when (AtomicFile.IsDiskFull(error))
        {
            throw new GramException($"{cache.Root}: the disk is full: make room, or set HF_HOME to another disk; what has arrived of {id} is kept, and the next run goes on from there", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{cache.Root}, the cache of hub models, cannot be written ({error.Message.ReplaceLineEndings(" ")}): set HF_HOME to a folder that can", error);
        }
    }

    private async Task FetchAsync(HubId id, string commit, IEnumerable<string> names, Action<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var snapshot = cache.Snapshot(id, commit);
        var described = new ConcurrentBag<HubFile>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Transfers, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(names.Where(name => !HubCache.Holds(Path.Combine(snapshot, name))), parallel, async (name, token) =>
            described.Add(await retry.RunAsync(() => client.DescribeAsync(id, commit, name, token), cancellationToken: token)));

        var files = described.OrderByDescending(file => file.Size).ToList(); // the longest transfer starts first
        var missing = files.DistinctBy(file => file.ETag).Where(file => !File.Exists(cache.Blob(id, file.ETag))).ToList();
        CheckRoom(id, missing);
        using var slots = new SemaphoreSlim(Transfers);
        var blobs = new BlobDownload(client, retry, cache, new TransferMeter(missing.Sum(file => file.Size), progress), slots, settings.RangeSize);
        await Parallel.ForEachAsync(files, parallel, async (file, token) =>
        {
            using var held = await BlobLock.TakeAsync(cache.Lock(id, file.ETag), () => note?.Invoke($"another process is downloading {file.Name} of {id}: waiting for it"), token);
            if (HubCache.Holds(Path.Combine(snapshot, file.Name))) return;
            var isNew = !File.Exists(cache.Blob(id, file.ETag));
            if (isNew) await blobs.RunAsync(id, commit, file, token);
            cache.Link(id, commit, file.Name, file.ETag, isNew);
        });
    }

    private void CheckRoom(HubId id, List<HubFile> missing)
    {
        if (missing.Count == 0) return;
        Directory.CreateDirectory(cache.Root);
        var needed = missing.Sum(file => file.Size - PartialBlob.Left(cache, id, file, settings.RangeSize));
        var free = new DriveInfo(cache.Root).AvailableFreeSpace;
        if (needed > free) throw new GramException($"{cache.Root}: {id} needs {needed / 1e9:0.0} GB more, and {free / 1e9:0.0} GB are free: make room, or set HF_HOME to another disk");
    }
}
