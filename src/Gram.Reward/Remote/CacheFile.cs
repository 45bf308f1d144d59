using System.Security.Cryptography;
using Gram.Models;
using Microsoft.Data.Sqlite;

namespace Gram.Reward.Remote;

/// <summary>A SQLite file of what servers answered, which several runs may share.</summary>
internal sealed class CacheFile : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly string path, holds, option;
    private readonly Lock gate = new();

    /// <summary>Opens the file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="table">The table that it is to have, as SQL.</param>
    /// <param name="holds">What it holds, for messages.</param>
    /// <param name="option">The key that names it, for messages.</param>
    /// <exception cref="GramException">It cannot be opened, or is no such file.</exception>
    public CacheFile(string path, string table, string holds, string option)
    {
        (this.path, this.holds, this.option) = (path, holds, option);
        connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            connection.Open();
            using var command = connection.CreateCommand();
            // Readers do not wait for a writer, and a writer waits its turn.
            command.CommandText = $"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 10000; CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID;";
            command.ExecuteNonQuery();
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException)
        {
            connection.Dispose();
            throw Failed("opened", error);
        }
    }

    /// <summary>Does something with the file that only reads, while nobody else of this process does.</summary>
    /// <exception cref="GramException">The file cannot be read.</exception>
    public T Read<T>(Func<SqliteCommand, T> work)
    {
        try
        {
            lock (gate)
            {
                using var command = connection.CreateCommand();
                return work(command);
            }
        }
        catch (SqliteException error)
        {
            throw Failed("read", error);
        }
    }

    /// <summary>Writes, all of it or nothing.</summary>
    /// <exception cref="GramException">The file cannot be written: the disk is full, say, or another run holds it for too long.</exception>
    public void Write(Action<SqliteCommand> work)
    {
        try
        {
            lock (gate)
            {
                using var transaction = connection.BeginTransaction();
                using var command = connection.CreateCommand();
                work(command);
                transaction.Commit();
            }
        }
        catch (SqliteException error)
        {
            throw Failed("written", error);
        }
    }

    /// <summary>SHA-256 of texts, each with its length, so that no two cuts of one text are alike.</summary>
    public static byte[] KeyOf(params ReadOnlySpan<string> texts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in texts)
        {
            var bytes = System.Text.Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.LongLength));
            hash.AppendData(bytes);
        }
        return hash.GetHashAndReset();
    }

    public void Dispose() => connection.Dispose();

    private GramException Failed(string how, Exception error) => new($"{path} cannot be {how} as a cache of {holds}: {error.Message}; name another file ({option})", error);
}
