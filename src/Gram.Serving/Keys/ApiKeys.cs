using System.Security.Cryptography;
using System.Text;
using Gram.Models;

namespace Gram.Serving.Keys;

/// <summary>The keys that open a server. Only their SHA-256 hashes are known: a key is drawn at random, so a slow hash would add nothing.</summary>
public sealed class ApiKeys
{
    private readonly IReadOnlyList<(string Name, byte[] Hash)> keys;

    private ApiKeys(IReadOnlyList<(string Name, byte[] Hash)> keys) => this.keys = keys;

    /// <summary>No keys: everybody may ask.</summary>
    public static ApiKeys None { get; } = new([]);

    /// <summary>Whether a key is needed.</summary>
    public bool AreNeeded => keys.Count > 0;

    /// <summary>Reads a file of keys: a name and the SHA-256 of the key in hexadecimal a line; blank lines and lines that begin with # count for nothing.</summary>
    /// <exception cref="GramException">The file is missing or empty, or a line is neither; the message names it.</exception>
    public static ApiKeys Read(string path)
    {
        try
        {
            var keys = File.ReadLines(path).Select((line, i) => (Text: line.Trim(), Number: i + 1)).Where(line => line.Text.Length > 0 && line.Text[0] != '#').Select(line => Parse(line.Text, path, line.Number)).ToList();
            return keys.Count > 0 ? new(keys) : throw new GramException($"{path} holds no keys: write a name and a key's SHA-256 a line");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The name of a key, or null where it is none of them. Takes as long whichever it is.</summary>
    public string? NameOf(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        string? found = null;
        foreach (var (name, known) in keys)
            if (CryptographicOperations.FixedTimeEquals(hash, known)) found = name;
        return found;
    }

    private static (string Name, byte[] Hash) Parse(string line, string path, int number)
    {
        if (line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [var name, { Length: 2 * SHA256.HashSizeInBytes } hash] && hash.All(char.IsAsciiHexDigit)) return (name, Convert.FromHexString(hash));
        throw new GramException($"{path}, line {number}: not a name and the SHA-256 of a key (64 hexadecimal digits); printf %s KEY | sha256sum gives it");
    }
}
