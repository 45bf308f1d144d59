namespace Gram.Host.Demo;

/// <summary>
/// GPT-2's printable alphabet of bytes, in which tokenizer.json writes tokens: printable Latin-1 bytes are themselves,
/// the others are moved to U+0100 and up, in order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Letters = Build();

    /// <summary>The letter that stands for a byte.</summary>
    public static char Letter(byte value) => Letters[value];

    private static char[] Build()
    {
        var moved = 0;
        return [.. Enumerable.Range(0, 256).Select(value => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)value : (char)(256 + moved++))];
    }
}
