using System.Net;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>
/// Downloads one blob into its .incomplete file, from where an earlier download left off, and gives it its name once its hash
/// is right.
/// </summary>
internal sealed class BlobDownload(HubClient client, HubRetry retry, HubCache cache, TransferMeter meter)
{
    private const int BufferSize = 1 << 18;

    /// <summary>Downloads the blob; its lock is the caller's.</summary>
    /// <exception cref="GramException">The hub or the content is wrong. What has arrived stays, unless its hash is wrong.</exception>
    /// <exception cref="IOException">The disk is full, or refuses otherwise. What has arrived stays.</exception>
    public async Task RunAsync(HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        var (path, blob) = (cache.Incomplete(id, file.ETag), cache.Blob(id, file.ETag));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using (var incomplete = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0))
        {
            if (incomplete.Length > file.Size) incomplete.SetLength(0);
            var earlier = incomplete.Length;
            meter.AddEarlier(earlier);
            var isRight = await TryReceiveAsync(incomplete, id, commit, file, cancellationToken);
            if (!isRight) Restart(incomplete);
            // What the earlier download left may be to blame, whoever wrote it: once more, from the beginning.
            if (!isRight && earlier > 0) isRight = await TryReceiveAsync(incomplete, id, commit, file, cancellationToken);
            if (!isRight)
            {
                Restart(incomplete);
                throw new GramException($"{id}: {file.Name} does not have the hash that the hub says ({file.ETag}): it was changed on its way; try again, or another HF_ENDPOINT");
            }
            incomplete.Flush(flushToDisk: true);
        }
        File.Move(path, blob);
    }

    /// <summary>Receives what is missing; false where the whole then has another hash.</summary>
    private async Task<bool> TryReceiveAsync(FileStream incomplete, HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        await retry.RunAsync(async () =>
        {
            if (incomplete.Length < file.Size) await ReceiveAsync(incomplete, id, commit, file, cancellationToken);
            return true;
        }, () => incomplete.Length, cancellationToken);
        return await BlobHash.IsOfAsync(incomplete, file.ETag, cancellationToken);
    }

    private async Task ReceiveAsync(FileStream incomplete, HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        using var response = await client.OpenAsync(id, commit, file.Name, incomplete.Length, cancellationToken);
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == incomplete.Length;
        if (!goesOn) Restart(incomplete);
        if (!goesOn && response.StatusCode != HttpStatusCode.OK) throw client.Lost($"{file.Name} was not given from the byte that was asked for");
        await using var content = await client.StepAsync(response.Content.ReadAsStreamAsync, cancellationToken);
        incomplete.Position = incomplete.Length;
        var buffer = new byte[BufferSize];
        for (int count; (count = await client.StepAsync(async limit => await content.ReadAsync(buffer, limit), cancellationToken)) > 0;)
        {
            if (incomplete.Length + count > file.Size) throw new GramException($"{id}: {file.Name} is longer than the {file.Size} bytes that the hub says: try again, or another HF_ENDPOINT");
            await incomplete.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            meter.Add(count);
        }
        if (incomplete.Length < file.Size) throw client.Lost($"{file.Name} ended after {incomplete.Length} of {file.Size} bytes");
    }

    private void Restart(FileStream incomplete)
    {
        meter.Add(-incomplete.Length);
        incomplete.SetLength(0);
    }
}
