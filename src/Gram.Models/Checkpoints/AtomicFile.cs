namespace Gram.Models.Checkpoints;

/// <summary>Files that are either whole or absent: written under a temporary name, flushed to disk, renamed.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file through a stream.</summary>
    /// <exception cref="GramException">The file cannot be written (no permission, say); the old one stays.</exception>
    /// <exception cref="IOException">The disk is full (<see cref="IsDiskFull"/>): no error of the user's; the old file stays.</exception>
    public static void Write(string path, Action<Stream> write) => WriteTogether([(path, write)]);

    /// <summary>Writes files that belong together: the first of them is renamed into place when the last of them is whole.</summary>
    /// <param name="files">The files, in the order of their renaming.</param>
    /// <param name="beforeRenaming">Called when all of them are whole.</param>
    /// <inheritdoc cref="Write" path="/exception"/>
    internal static void WriteTogether(IReadOnlyList<(string Path, Action<Stream> Write)> files, Action? beforeRenaming = null)
    {
        var path = "";
        List<(string Temporary, string Full)> written = [];
        try
        {
            foreach (var (name, write) in files)
            {
                path = Path.GetFullPath(name);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                written.Add(($"{path}.{Environment.ProcessId}.tmp", path));
                using var stream = new FileStream(written[^1].Temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            beforeRenaming?.Invoke();
            foreach (var (temporary, full) in written)
            {
                path = full;
                File.Move(temporary, full, overwrite: true);
            }
        }
        catch (Exception error)
        {
            foreach (var (temporary, _) in written) File.Delete(temporary);
            if (IsRefusal(error)) throw CannotWrite(path, error);
            throw;
        }
    }

    /// <summary>Writes a text file (UTF-8, no byte order mark).</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Fills a directory under a temporary name, then renames it; an existing directory is replaced.</summary>
    /// <exception cref="GramException">The directory cannot be written; the old one stays.</exception>
    /// <exception cref="IOException">The disk is full; the old one stays.</exception>
    public static void WriteDirectory(string path, Action<string> fill)
    {
        var full = Path.GetFullPath(path).TrimEnd(Path.DirectorySeparatorChar);
        var temporary = $"{full}.{Environment.ProcessId}.tmp";
        var old = $"{full}.{Environment.ProcessId}.old";
        try
        {
            // What a process that was killed between the two renames has left.
            if (!Directory.Exists(full) && Directory.Exists(Path.GetDirectoryName(full)) && Directory.EnumerateDirectories(Path.GetDirectoryName(full)!, Path.GetFileName(full) + ".*.old").FirstOrDefault() is { } left) Directory.Move(left, full);
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            Directory.CreateDirectory(temporary);
            fill(temporary);
            if (Directory.Exists(full)) Directory.Move(full, old);
            Directory.Move(temporary, full);
            if (Directory.Exists(old)) Directory.Delete(old, recursive: true);
        }
        catch (Exception error)
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            if (Directory.Exists(old) && !Directory.Exists(full)) Directory.Move(old, full);
            if (IsRefusal(error)) throw CannotWrite(full, error);
            throw;
        }
    }

    /// <summary>Whether a write failed for want of room: ENOSPC, EDQUOT; ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL.</summary>
    public static bool IsDiskFull(Exception error) => error is IOException { HResult: 28 or 122 or unchecked((int)0x80070070) or unchecked((int)0x80070027) };

    private static bool IsRefusal(Exception error) => error is IOException or UnauthorizedAccessException && !IsDiskFull(error);

    private static GramException CannotWrite(string path, Exception error) =>
        new($"{path} cannot be written: {error.Message.ReplaceLineEndings(" ")}", error);
}
