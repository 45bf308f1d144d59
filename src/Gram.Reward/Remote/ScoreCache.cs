using System.Security.Cryptography;
using Gram.Models;
using Gram.Reward.Judging;
using Microsoft.Data.Sqlite;

namespace Gram.Reward.Remote;

/// <summary>Scores in a SQLite file, by all that they depend on: what the judge is, and the pair's three texts.</summary>
internal sealed class ScoreCache : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly string path;
    private readonly byte[] judge;
    private readonly Lock gate = new();

    /// <summary>Opens the file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="judge">What the judge is: address, model, prompt, labels.</param>
    /// <exception cref="GramException">It cannot be opened, or is no such file.</exception>
    public ScoreCache(string path, string judge)
    {
        this.path = path;
        this.judge = SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(judge));
        connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            connection.Open();
            // Several runs may share a file: readers do not wait for a writer, and a writer waits its turn.
            Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 10000; CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, p_ab REAL NOT NULL, p_ba REAL NOT NULL) WITHOUT ROWID;");
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException)
        {
            connection.Dispose();
            throw new GramException($"{path} cannot be opened as a cache of scores: {error.Message}; name another file (judge_cache)", error);
        }
    }

    /// <summary>The scores that are known, pair by pair.</summary>
    /// <exception cref="GramException">The file cannot be read.</exception>
    public IReadOnlyDictionary<AnswerPair, PairScore> Find(IEnumerable<AnswerPair> pairs)
    {
        var found = new Dictionary<AnswerPair, PairScore>();
        Use("read", () =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT p_ab, p_ba FROM scores WHERE key = $key";
            var key = command.Parameters.Add("$key", SqliteType.Blob);
            foreach (var pair in pairs)
            {
                key.Value = KeyOf(pair);
                using var row = command.ExecuteReader();
                if (row.Read()) found[pair] = new PairScore(row.GetDouble(0), row.GetDouble(1));
            }
        });
        return found;
    }

    /// <summary>Keeps scores, all of them or none.</summary>
    /// <exception cref="GramException">The file cannot be written: the disk is full, say, or another run holds it for too long.</exception>
    public void Add(IEnumerable<(AnswerPair Pair, PairScore Score)> scores) => Use("written", () =>
    {
        using var transaction = connection.BeginTransaction();
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT OR REPLACE INTO scores (key, p_ab, p_ba) VALUES ($key, $ab, $ba)";
        var (key, ab, ba) = (command.Parameters.Add("$key", SqliteType.Blob), command.Parameters.Add("$ab", SqliteType.Real), command.Parameters.Add("$ba", SqliteType.Real));
        foreach (var (pair, score) in scores)
        {
            (key.Value, ab.Value, ba.Value) = (KeyOf(pair), score.PAb, score.PBa);
            command.ExecuteNonQuery();
        }
        transaction.Commit();
    });

    public void Dispose() => connection.Dispose();

    /// <summary>SHA-256 of the judge and the texts, each with its length, so that no two cuts of one text are alike.</summary>
    private byte[] KeyOf(AnswerPair pair)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(judge);
        foreach (var text in (string[])[pair.Question, pair.AnswerA, pair.AnswerB])
        {
            var bytes = System.Text.Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.LongLength));
            hash.AppendData(bytes);
        }
        return hash.GetHashAndReset();
    }

    private void Use(string how, Action use)
    {
        try
        {
            lock (gate) use();
        }
        catch (SqliteException error)
        {
            throw new GramException($"{path} cannot be {how} as a cache of scores: {error.Message}; name another file (judge_cache)", error);
        }
    }

    private void Execute(string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
