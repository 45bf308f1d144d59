using Gram.Models;
using Microsoft.Data.Sqlite;

namespace Gram.Reward.Remote;

/// <summary>Answers in a SQLite file, by the whole of the request that one of them alone would take: address, model, prompt, sampling and seed.</summary>
/// <param name="path">The file.</param>
/// <exception cref="GramException">It cannot be opened, or is no such file.</exception>
internal sealed class AnswerCache(string path) : IDisposable
{
    private readonly CacheFile file = new(path, "answers (key BLOB PRIMARY KEY, text TEXT NOT NULL)", "answers", "generator_cache");

    /// <summary>The answers to requests, null where one is not known.</summary>
    public string?[] Find(IReadOnlyList<byte[]> keys) => file.Read(command =>
    {
        command.CommandText = "SELECT text FROM answers WHERE key = $key";
        var key = command.Parameters.Add("$key", SqliteType.Blob);
        return keys.Select(request =>
        {
            key.Value = request;
            return (string?)command.ExecuteScalar();
        }).ToArray();
    });

    /// <summary>Keeps answers.</summary>
    public void Add(IEnumerable<(byte[] Key, string Text)> answers) => file.Write(command =>
    {
        command.CommandText = "INSERT OR REPLACE INTO answers (key, text) VALUES ($key, $text)";
        var (key, text) = (command.Parameters.Add("$key", SqliteType.Blob), command.Parameters.Add("$text", SqliteType.Text));
        foreach (var answer in answers)
        {
            (key.Value, text.Value) = (answer.Key, answer.Text);
            command.ExecuteNonQuery();
        }
    });

    public void Dispose() => file.Dispose();
}
