namespace Gram.Models.Generation;

/// <summary>
/// Looks for stop strings in a text that comes in pieces: lets through what no stop string can take away any more. Of several
/// the one that is complete first counts, the longest of those that end together, so the cut does not depend on the pieces.
/// </summary>
/// <param name="stops">None of them empty.</param>
internal sealed class StopStrings(IReadOnlyList<string> stops)
{
    private string held = "";

    /// <summary>Whether one was found: what stands before it has been let through, and no more will be.</summary>
    public bool Found { get; private set; }

    /// <summary>Takes in a piece; returns what can be let through.</summary>
    public string Push(string piece)
    {
        if (Found) return "";
        var text = held + piece;
        var (end, start) = (int.MaxValue, 0);
        foreach (var stop in stops)
        {
            var at = text.IndexOf(stop, StringComparison.Ordinal);
            if (at < 0 || at + stop.Length > end || (at + stop.Length == end && at > start)) continue;
            (end, start) = (at + stop.Length, at);
        }
        Found = end != int.MaxValue;
        var certain = Found ? start : text.Length - Beginning(text);
        held = Found ? "" : text[certain..];
        return text[..certain];
    }

    /// <summary>Ends the text: what was held back is no stop string.</summary>
    public string Flush()
    {
        var rest = held;
        held = "";
        return rest;
    }

    /// <summary>Length of the longest end of the text that is a beginning of a stop string.</summary>
    private int Beginning(string text)
    {
        var longest = 0;
        foreach (var stop in stops)
        {
            for (var length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length))) longest = length;
            }
        }
        return longest;
    }
}
