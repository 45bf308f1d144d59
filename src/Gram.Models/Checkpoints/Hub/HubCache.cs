namespace Gram.Models.Checkpoints.Hub;

/// <summary>
/// The Hugging Face cache's layout (https://huggingface.co/docs/hub/local-cache): a folder for each model, whose blobs are
/// named by their ETag, whose snapshots/COMMIT link to them, and whose refs/REVISION hold a commit.
/// </summary>
/// <param name="root">The cache.</param>
internal sealed class HubCache(string root)
{
    /// <summary>The cache itself.</summary>
    public string Root => root;

    /// <summary>A model's folder.</summary>
    public string Folder(HubId id) => Path.Combine(root, FolderName(id));

    /// <summary>A commit's files.</summary>
    public string Snapshot(HubId id, string commit) => Path.Combine(Folder(id), "snapshots", commit);

    /// <summary>A file's content.</summary>
    public string Blob(HubId id, string etag) => Path.Combine(Folder(id), "blobs", etag);

    /// <summary>The beginning of a blob, as far as it has arrived; huggingface_hub goes on from it too.</summary>
    public string Incomplete(HubId id, string etag) => Blob(id, etag) + ".incomplete";

    /// <summary>What has arrived of a blob that comes in several ranges at once: it may have gaps, so huggingface_hub must not go on from it.</summary>
    public string Ranges(HubId id, string etag) => Blob(id, etag) + ".ranges";

    /// <summary>The file that whoever downloads a blob holds locked; huggingface_hub takes the same one.</summary>
    public string Lock(HubId id, string etag) => Path.Combine(root, ".locks", FolderName(id), etag + ".lock");

    /// <summary>The commit that the revision meant when it was last downloaded; null where it was not.</summary>
    public string? Commit(HubId id)
    {
        if (HubId.IsCommit(id.Revision)) return id.Revision;
        var reference = Reference(id);
        return File.Exists(reference) && File.ReadAllText(reference).Trim() is var commit && HubId.IsCommit(commit) ? commit : null;
    }

    /// <summary>Remembers the commit that the revision means.</summary>
    public void Remember(HubId id, string commit)
    {
        if (Commit(id) != commit) AtomicFile.WriteText(Reference(id), commit);
    }

    /// <summary>
    /// Puts a blob in its place in a snapshot: a relative link, so that the cache can be moved. Where there are no links, the
    /// file itself: moved where the blob is new, else copied.
    /// </summary>
    public void Link(HubId id, string commit, string file, string etag, bool isNew)
    {
        var (path, blob) = (Path.Combine(Snapshot(id, commit), file), Blob(id, etag));
        if (Holds(path)) return;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path); // a link to a blob that is gone
        try
        {
            File.CreateSymbolicLink(path, Path.Combine("..", "..", "blobs", etag));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Windows without developer mode, some network drives: huggingface_hub keeps files in snapshots there.
            if (isNew) File.Move(blob, path);
            else File.Copy(blob, path);
        }
    }

    /// <summary>Whether a file is there: File.Exists is also true of a link to nothing.</summary>
    public static bool Holds(string path)
    {
        var file = new FileInfo(path);
        return file.LinkTarget is null ? file.Exists : file.ResolveLinkTarget(returnFinalTarget: true)!.Exists;
    }

    private string Reference(HubId id) => Path.Combine([Folder(id), "refs", .. id.Revision.Split('/')]);

    private static string FolderName(HubId id) => "models--" + id.Repository.Replace("/", "--", StringComparison.Ordinal);
}
