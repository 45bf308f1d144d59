using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Gram.Models.Tokenization;

/// <summary>
/// Unicode's normalisation form C (UAX #15). .NET's own leaves text as it is where globalisation is invariant,
/// and elsewhere depends on the ICU of the machine: token ids must not.
/// </summary>
internal sealed class UnicodeComposition
{
    // Hangul syllables are composed by arithmetic (Unicode standard, 3.12).
    private const int SBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7, LCount = 19, VCount = 21, TCount = 28;

    private static readonly Lazy<UnicodeComposition> Instance = new(() => new());

    private readonly FrozenDictionary<int, byte> combiningClass;
    private readonly FrozenDictionary<int, int[]> decomposition;
    private readonly FrozenDictionary<(int First, int Second), int> composition;

    private UnicodeComposition()
    {
        var classes = new Dictionary<int, byte>();
        var decompositions = new Dictionary<int, int[]>();
        var compositions = new Dictionary<(int, int), int>();
        using var reader = new StreamReader(typeof(UnicodeComposition).Assembly.GetManifestResourceStream("UnicodeComposition.txt")!);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            var fields = line.Split(' ');
            if (fields[0].Split('-') is [var first, var last])
            {
                for (var code = Hex(first); code <= Hex(last); code++) classes[code] = byte.Parse(fields[1], CultureInfo.InvariantCulture);
                continue;
            }
            var parts = fields[1..].Where(field => field != "!").Select(Hex).ToArray();
            decompositions[Hex(fields[0])] = parts;
            if (fields[^1] != "!") compositions[(parts[0], parts[1])] = Hex(fields[0]);
        }
        combiningClass = classes.ToFrozenDictionary();
        decomposition = decompositions.ToFrozenDictionary();
        composition = compositions.ToFrozenDictionary();

        static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    /// <summary>The text in form C.</summary>
    public static string Compose(string text) =>
        text.AsSpan().IndexOfAnyExceptInRange('\0', '\u02FF') < 0 ? text : Instance.Value.ComposeRunes(text);

    /// <summary>The text in form D.</summary>
    public static string Decompose(string text) =>
        text.AsSpan().IndexOfAnyExceptInRange('\0', '\u007F') < 0 ? text : Text(Instance.Value.DecomposeRunes(text));

    private string ComposeRunes(string text)
    {
        var codes = DecomposeRunes(text);
        var starter = -1;
        var written = 0;
        var lastClass = -1; // class of the last code kept after the starter; -1: none
        foreach (var code in codes)
        {
            var own = Class(code);
            var blocked = lastClass >= own && lastClass != -1;
            if (starter >= 0 && !blocked && Pair(codes[starter], code) is { } composed)
            {
                codes[starter] = composed;
                continue;
            }
            if (own == 0)
            {
                starter = written;
                lastClass = -1;
            }
            else
            {
                lastClass = own;
            }
            codes[written++] = code;
        }
        return Text(codes.AsSpan(0, written));
    }

    private int[] DecomposeRunes(string text)
    {
        var codes = new List<int>(text.Length + 16);
        foreach (var rune in text.EnumerateRunes()) Decompose(rune.Value, codes);

        // Canonical order: a stable sort by class of each run of combining marks.
        for (var i = 0; i < codes.Count; i++)
        {
            if (Class(codes[i]) == 0) continue;
            var end = i;
            while (end < codes.Count && Class(codes[end]) != 0) end++;
            var run = codes[i..end].OrderBy(Class).ToList();
            for (var j = i; j < end; j++) codes[j] = run[j - i];
            i = end;
        }
        return [.. codes];
    }

    private void Decompose(int code, List<int> codes)
    {
        if (code is >= SBase and < SBase + (LCount * VCount * TCount))
        {
            var index = code - SBase;
            codes.Add(LBase + (index / (VCount * TCount)));
            codes.Add(VBase + (index % (VCount * TCount) / TCount));
            if (index % TCount != 0) codes.Add(TBase + (index % TCount));
        }
        else if (decomposition.TryGetValue(code, out var parts))
        {
            foreach (var part in parts) Decompose(part, codes);
        }
        else
        {
            codes.Add(code);
        }
    }

    private int? Pair(int first, int second)
    {
        if (first is >= LBase and < LBase + LCount && second is >= VBase and < VBase + VCount)
            return SBase + ((((first - LBase) * VCount) + second - VBase) * TCount);
        if (first is >= SBase and < SBase + (LCount * VCount * TCount) && (first - SBase) % TCount == 0 && second is > TBase and < TBase + TCount)
            return first + second - TBase;
        return composition.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private int Class(int code) => combiningClass.GetValueOrDefault(code);

    private static string Text(ReadOnlySpan<int> codes)
    {
        var text = new StringBuilder(codes.Length);
        foreach (var code in codes) text.Append(char.ConvertFromUtf32(code));
        return text.ToString();
    }
}
