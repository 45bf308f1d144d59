namespace Gram.Models.Checkpoints.Hub;

/// <summary>Finds a model by its name: a directory, or a hub id, which is looked for in the Hugging Face cache and otherwise downloaded into it.</summary>
/// <param name="settings">The hub and the cache; the environment's unless given.</param>
public sealed class ModelSource(HubSettings? settings = null)
{
    /// <summary>Told how far a download is; on any thread, one call at a time.</summary>
    public Action<DownloadProgress>? Progress { get; init; }

    /// <summary>Told of what a person should know of a download, in one line; on any thread.</summary>
    public Action<string>? Note { get; init; }

    /// <summary>The directory of a model. A cached revision is used as it is: the hub is not asked whether the branch has moved.</summary>
    /// <param name="name">A directory, or <c>organisation/name</c>, or <c>organisation/name@revision</c>.</param>
    /// <param name="cancellationToken">Stops a download; what has arrived stays for the next time.</param>
    /// <exception cref="GramException">The name is neither a directory nor a model, or the model cannot be downloaded.</exception>
    public async Task<string> ResolveAsync(string name, CancellationToken cancellationToken = default)
    {
        if (Directory.Exists(name)) return name;
        if (File.Exists(name)) throw new GramException($"{name} is a file: name the directory that holds it");
        if (HubId.TryParse(name) is not { } id) throw new GramException($"{name}: no such directory, and no hub id (organisation/name or organisation/name@revision)");
        return await FromHubAsync(name, id, settings ?? HubSettings.FromEnvironment(), cancellationToken);
    }

    private async Task<string> FromHubAsync(string name, HubId id, HubSettings settings, CancellationToken cancellationToken)
    {
        var cache = new HubCache(settings.CacheDirectory);
        var cached = cache.Commit(id) is { } commit ? cache.Snapshot(id, commit) : null;
        var missing = cached is null ? null : ModelFiles.FirstMissing(cached);
        if (cached is not null && missing is null) return cached;
        var notHere = $"{name}: no such directory; {(missing is null ? $"not in the cache ({cache.Folder(id)})" : $"the cache ({cached}) lacks {missing}")}";
        if (settings.IsOffline) throw new GramException($"{notHere}; and HF_HUB_OFFLINE keeps from downloading it: unset that, or download it before");

        using var client = new HubClient(settings);
        HubListing listing;
        try
        {
            listing = await new HubRetry(settings.FirstDelay).RunAsync(() => client.ListAsync(id, cancellationToken), cancellationToken: cancellationToken);
        }
        catch (GramException error)
        {
            throw new GramException($"{notHere}; and {error.Message}", error);
        }
        Note?.Invoke($"downloading {id} from {settings.Endpoint.GetLeftPart(UriPartial.Authority)} into {cache.Folder(id)}");
        return await new HubDownload(settings, client, Progress, Note).CompleteAsync(id, listing, cancellationToken);
    }
}
