namespace Gram.Models.Checkpoints;

/// <summary>Files that are either whole or absent: written under a temporary name, flushed to disk, renamed.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file through a stream.</summary>
    /// <exception cref="GramException">The file cannot be written (no permission, disk full); the old one stays.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var temporary = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception error)
        {
            if (File.Exists(temporary)) File.Delete(temporary);
            if (error is IOException or UnauthorizedAccessException) throw CannotWrite(full, error);
            throw;
        }
    }

    /// <summary>Writes a text file (UTF-8, no byte order mark).</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Fills a directory under a temporary name, then renames it; an existing directory is replaced.</summary>
    /// <exception cref="GramException">The directory cannot be written; the old one stays.</exception>
    public static void WriteDirectory(string path, Action<string> fill)
    {
        var full = Path.GetFullPath(path).TrimEnd(Path.DirectorySeparatorChar);
        var temporary = $"{full}.{Environment.ProcessId}.tmp";
        var old = $"{full}.{Environment.ProcessId}.old";
        try
        {
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
            if (error is IOException or UnauthorizedAccessException) throw CannotWrite(full, error);
            throw;
        }
    }

    private static GramException CannotWrite(string path, Exception error) =>
        new($"{path} cannot be written: {error.Message.ReplaceLineEndings(" ")}", error);
}
