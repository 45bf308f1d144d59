using System.Net;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>
/// Downloads one blob, from where an earlier download left off, and gives it its name once its hash is right: a large one in ranges at
/// once, where the server gives ranges.
/// </summary>
/// <param name="client">The hub's client.</param>
/// <param name="retry">Tries again.</param>
/// <param name="cache">Where blobs are kept.</param>
/// <param name="meter">Told of what arrives.</param>
/// <param name="slots">A place for each transfer at once, whatever it is of.</param>
/// <param name="rangeSize">Bytes of a range; a blob that has more comes in several.</param>
internal sealed class BlobDownload(HubClient client, HubRetry retry, HubCache cache, TransferMeter meter, SemaphoreSlim slots, long rangeSize)
{
    private const int BufferSize = 1 << 18;

    /// <summary>Downloads the blob; its lock is the caller's.</summary>
    /// <exception cref="GramException">The hub or the content is wrong. What has arrived stays, unless its hash is wrong.</exception>
    /// <exception cref="IOException">The disk is full, or refuses otherwise. What has arrived stays.</exception>
    public async Task RunAsync(HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        if (file.Size > rangeSize)
        {
            using var ranges = PartialBlob.InRanges(cache, id, file, rangeSize);
            try
            {
                await CompleteAsync(ranges, id, commit, file, cancellationToken);
                return;
            }
            catch (RangesRefusedException)
            {
                meter.Add(-ranges.Received);
                ranges.Delete();
            }
        }
        using var piece = PartialBlob.InOnePiece(cache, id, file);
        await CompleteAsync(piece, id, commit, file, cancellationToken);
    }

    private async Task CompleteAsync(PartialBlob partial, HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        var earlier = partial.Received;
        meter.AddEarlier(earlier);
        var isRight = await TryReceiveAsync(partial, id, commit, file, cancellationToken);
        if (!isRight) Restart(partial);
        // What the earlier download left may be to blame, whoever wrote it: once more, from the beginning.
        if (!isRight && earlier > 0) isRight = await TryReceiveAsync(partial, id, commit, file, cancellationToken);
        if (!isRight)
        {
            Restart(partial);
            throw new GramException($"{id}: {file.Name} does not have the hash that the hub says ({file.ETag}): it was changed on its way; try again, or another HF_ENDPOINT");
        }
        partial.Finish(cache.Blob(id, file.ETag));
    }

    /// <summary>Receives what is missing, all ranges at once; false where the whole then has another hash.</summary>
    private async Task<bool> TryReceiveAsync(PartialBlob partial, HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = HubDownload.Transfers, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, partial.Ranges).Where(range => !partial.IsWhole(range)), parallel, async (range, token) =>
            await retry.RunAsync(async () =>
            {
                await slots.WaitAsync(token);
                try
                {
                    await ReceiveAsync(partial, range, id, commit, file, token);
                    return true;
                }
                finally
                {
                    slots.Release();
                }
            }, () => partial.ReceivedOf(range), token));
        return await partial.IsRightAsync(file.ETag, cancellationToken);
    }

    private async Task ReceiveAsync(PartialBlob partial, int range, HubId id, string commit, HubFile file, CancellationToken cancellationToken)
    {
        if (partial.IsWhole(range)) return; // its last bytes came, and then the connection went
        using var response = await client.OpenAsync(id, commit, file.Name, partial.Next(range), partial.IsOnePiece ? null : partial.End(range), cancellationToken);
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == partial.Next(range);
        if (!goesOn && !partial.IsOnePiece && response.StatusCode == HttpStatusCode.OK) throw new RangesRefusedException();
        if (!goesOn && partial.IsOnePiece) Restart(partial);
        if (!goesOn && response.StatusCode != HttpStatusCode.OK) throw client.Lost($"{file.Name} was not given from the byte that was asked for");
        await using var content = await client.StepAsync(response.Content.ReadAsStreamAsync, cancellationToken);
        var buffer = new byte[BufferSize];
        for (int count; (count = await client.StepAsync(async limit => await content.ReadAsync(buffer, limit), cancellationToken)) > 0;)
        {
            var missing = partial.End(range) - partial.Next(range);
            if (count > missing && partial.IsOnePiece) throw new GramException($"{id}: {file.Name} is longer than the {file.Size} bytes that the hub says: try again, or another HF_ENDPOINT");
            var added = (int)Math.Min(count, missing);
            await partial.AddAsync(range, buffer.AsMemory(0, added), cancellationToken);
            meter.Add(added);
            if (!partial.IsOnePiece && partial.IsWhole(range)) return; // what a server gives beyond the range is another's
        }
        if (!partial.IsWhole(range)) throw client.Lost($"{file.Name} ended after {partial.Next(range)} of {partial.End(range)} bytes");
    }

    private void Restart(PartialBlob partial)
    {
        meter.Add(-partial.Received);
        partial.Restart();
    }

    /// <summary>The server gives whole files only.</summary>
    private sealed class RangesRefusedException : Exception;
}
