using Gram.Models;
using Gram.Reward.Judging;
using Microsoft.Data.Sqlite;

namespace Gram.Reward.Remote;

/// <summary>Scores in a SQLite file, by all that they depend on: what the judge is, and the pair's three texts.</summary>
/// <param name="path">The file.</param>
/// <param name="judge">What the judge is: address, model, prompt, labels.</param>
/// <exception cref="GramException">It cannot be opened, or is no such file.</exception>
internal sealed class ScoreCache(string path, string judge) : IDisposable
{
    private readonly CacheFile file = new(path, "scores (key BLOB PRIMARY KEY, p_ab REAL NOT NULL, p_ba REAL NOT NULL)", "scores", "judge_cache");

    /// <summary>The scores that are known, pair by pair.</summary>
    public IReadOnlyDictionary<AnswerPair, PairScore> Find(IEnumerable<AnswerPair> pairs) => file.Read(command =>
    {
        var found = new Dictionary<AnswerPair, PairScore>();
        command.CommandText = "SELECT p_ab, p_ba FROM scores WHERE key = $key";
        var key = command.Parameters.Add("$key", SqliteType.Blob);
        foreach (var pair in pairs)
        {
            key.Value = KeyOf(pair);
            using var row = command.ExecuteReader();
            if (row.Read()) found[pair] = new PairScore(row.GetDouble(0), row.GetDouble(1));
        }
        return found;
    });

    /// <summary>Keeps scores, all of them or none.</summary>
    public void Add(IEnumerable<(AnswerPair Pair, PairScore Score)> scores) => file.Write(command =>
    {
        command.CommandText = "INSERT OR REPLACE INTO scores (key, p_ab, p_ba) VALUES ($key, $ab, $ba)";
        var (key, ab, ba) = (command.Parameters.Add("$key", SqliteType.Blob), command.Parameters.Add("$ab", SqliteType.Real), command.Parameters.Add("$ba", SqliteType.Real));
        foreach (var (pair, score) in scores)
        {
            (key.Value, ab.Value, ba.Value) = (KeyOf(pair), score.PAb, score.PBa);
            command.ExecuteNonQuery();
        }
    });

    public void Dispose() => file.Dispose();

    private byte[] KeyOf(AnswerPair pair) => CacheFile.KeyOf(judge, pair.Question, pair.AnswerA, pair.AnswerB);
}
