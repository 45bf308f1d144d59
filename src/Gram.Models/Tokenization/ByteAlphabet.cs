using System.Text;

namespace Gram.Models.Tokenization;

/// <summary>GPT-2's alphabet: each byte is one printable character, so that a vocabulary of bytes can be written as text.</summary>
public static class ByteAlphabet
{
    private static readonly char[] Characters = BuildCharacters();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((character, value) => (character, value)).ToDictionary(pair => pair.character, pair => (byte)pair.value);

    /// <summary>The character that stands for a byte.</summary>
    public static char Letter(byte value) => Characters[value];

    /// <summary>A text's UTF-8 bytes as the vocabulary writes them.</summary>
    public static string Write(string text) =>
        string.Create(Encoding.UTF8.GetByteCount(text), text, static (characters, text) =>
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            for (var i = 0; i < bytes.Length; i++) characters[i] = Characters[bytes[i]];
        });

    /// <summary>Bytes of a token: by the alphabet where all its characters are in it, else (added tokens) its UTF-8.</summary>
    public static byte[] Read(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (!Bytes.TryGetValue(token[i], out bytes[i])) return Encoding.UTF8.GetBytes(token);
        }
        return bytes;
    }

    /// <summary>Printable Latin-1 stands for itself; the other bytes take the characters from U+0100 on, in order.</summary>
    private static char[] BuildCharacters()
    {
        var next = 0x100;
        return [.. Enumerable.Range(0, 256).Select(value => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)value : (char)next++)];
    }
}
